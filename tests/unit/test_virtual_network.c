/*
 * test_virtual_network - the network that specs of apps stand on: who connects
 * reaches who listens, nothing is lost, and a bad network is bad as it was
 * asked for.
 */
#include "base/buffer.h"
#include "base/mem.h"
#include "check.h"
#include "net/impairment.h"
#include "net/virtual_network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One end of a connection; notes what it hears. */
struct end {
  struct transport *transport;
  struct buffer got;
  char pieces[128]; /* the lengths of what came: "1 3 5" */
  int error;
  bool has_ended, is_closed, was_written;
};

static struct manual_clock clock;
static struct virtual_network network;
static struct end client, server;
static int accepted;
static int64_t held;

static size_t on_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct end *end = owner;
  size_t at = strlen(end->pieces);
  buffer_append(&end->got, bytes, length);
  snprintf(end->pieces + at, sizeof end->pieces - at, at ? " %zu" : "%zu",
           length);
}

static void on_ended(void *owner, int error) {
  struct end *end = owner;
  end->has_ended = true;
  end->error = error;
}

static void on_written(void *owner, int error) {
  CHECK_EQ(error, 0);
  ((struct end *)owner)->was_written = true;
}

static void on_closed(void *owner) {
  struct end *end = owner;
  CHECK(!end->is_closed);
  end->is_closed = true;
}

static const struct transport_events events = {on_space,   on_read,   on_ended,
                                               on_written, on_closed, NULL};

static void own(struct end *end, struct transport *transport) {
  *end = (struct end){.transport = transport};
  transport->events = &events;
  transport->owner = end;
  transport->ops->start_reading(transport);
}

static void on_accepted(void *owner, struct transport *transport) {
  CHECK(owner == &server);
  accepted++;
  own(&server, transport);
}

static void run(void) {
  while (virtual_network_run(&network)) continue;
}

static void wait_for(uint64_t milliseconds) {
  manual_clock_advance(&clock, milliseconds);
  run();
}

static void set_up(void) {
  mem_fail_at(0, false);
  held = mem_in_use();
  accepted = 0;
  memset(&client, 0, sizeof client);
  memset(&server, 0, sizeof server);
  manual_clock_init(&clock);
  virtual_network_init(&network, &clock.face, false);
}

static void send_text(struct end *end, const char *text) {
  struct slice piece = slice_of(text);
  ssize_t sent = end->transport->ops->try_write(end->transport, &piece, 1);
  CHECK_EQ(sent, piece.length);
}

static void close_end(struct end *end) {
  if (!end->transport) return;
  end->transport->ops->close(end->transport);
  end->transport = NULL;
}

static void tear_down(void) {
  close_end(&client);
  close_end(&server);
  run();
  CHECK(virtual_network_is_empty(&network));
  CHECK(list_is_empty(&network.ports));
  buffer_free(&client.got);
  buffer_free(&server.got);
  CHECK_EQ(mem_in_use(), held);
}

/* A connection whose client's end is impaired; the port stays open. */
static struct virtual_port *connect_impaired(void) {
  struct virtual_port *port =
      virtual_port_open(&network, 80, on_accepted, &server);
  own(&client, impairment_new(virtual_network_connect(&network, 80),
                              network.clock, &network.impairments));
  run();
  CHECK_EQ(accepted, 1);
  return port;
}

static bool has_got(const struct end *end, const char *text) {
  return CHECK_BYTES(end->got.bytes, end->got.length, text, strlen(text));
}

TEST(virtual_network_numbers_its_ports) {
  set_up();
  struct virtual_port *one = virtual_port_open(&network, 80, on_accepted, NULL);
  struct virtual_port *same =
      virtual_port_open(&network, 80, on_accepted, NULL);
  struct virtual_port *any = virtual_port_open(&network, 0, on_accepted, NULL);
  CHECK_EQ(virtual_port_number(one), 80);
  CHECK(virtual_port_number(same) >= 49152);
  CHECK(virtual_port_number(any) != virtual_port_number(same));
  CHECK(virtual_network_has(&network, 80));
  CHECK(!virtual_network_has(&network, 81));
  virtual_port_close(one);
  CHECK(!virtual_network_has(&network, 80));
  virtual_port_close(same);
  virtual_port_close(any);
  tear_down();
}

TEST(virtual_network_finds_free_numbers_when_they_have_all_been_used) {
  set_up();
  struct virtual_port *kept = virtual_port_open(&network, 0, on_accepted, NULL);
  for (int i = 0; i < 70000; i++) {
    struct virtual_port *port =
        virtual_port_open(&network, 0, on_accepted, NULL);
    int number = virtual_port_number(port);
    if (number == virtual_port_number(kept) || number < 49152) CHECK(false);
    virtual_port_close(port);
  }
  virtual_port_close(kept);
  tear_down();
}

TEST(virtual_network_carries_both_ways) {
  set_up();
  struct virtual_port *port = connect_impaired();
  send_text(&client, "question");
  send_text(&server, "answer");
  run();
  has_got(&server, "question");
  has_got(&client, "answer");
  CHECK_EQ(client.transport->ops->peer(client.transport).family, 4);
  virtual_port_close(port); /* of those who are connected nobody minds */
  send_text(&client, "?");
  run();
  has_got(&server, "question?");
  tear_down();
}

TEST(virtual_network_delivers_what_was_written_before_the_end) {
  set_up();
  struct virtual_port *port = connect_impaired();
  send_text(&client, "last words");
  client.transport->ops->shutdown(client.transport);
  run();
  has_got(&server, "last words");
  CHECK(server.has_ended);
  CHECK_EQ(server.error, 0);
  send_text(&server, "bye");
  close_end(&server);
  run();
  has_got(&client, "bye");
  CHECK(client.has_ended);
  CHECK(server.is_closed);
  virtual_port_close(port);
  tear_down();
}

TEST(virtual_network_breaks_who_was_not_accepted) {
  set_up();
  struct virtual_port *port =
      virtual_port_open(&network, 80, on_accepted, &server);
  own(&client, virtual_network_connect(&network, 80));
  virtual_port_close(port);
  run();
  CHECK_EQ(accepted, 0);
  CHECK(client.has_ended);
  CHECK_EQ(client.error, -ECONNRESET);
  tear_down();
}

TEST(virtual_network_holds_only_so_much_for_who_does_not_read) {
  enum { LENGTH = 2 * 1024 * 1024 };
  set_up();
  struct virtual_port *port = connect_impaired();
  char *text = calloc(1, LENGTH);
  struct slice all = {text, LENGTH};
  client.transport->ops->stop_reading(client.transport);
  ssize_t sent = server.transport->ops->try_write(server.transport, &all, 1);
  CHECK(sent > 0 && sent < LENGTH);
  struct slice rest = {text, (size_t)(LENGTH - sent)};
  CHECK_EQ(server.transport->ops->write(server.transport, &rest, 1), 0);
  run();
  CHECK(!server.was_written);
  client.transport->ops->start_reading(client.transport);
  run();
  CHECK(server.was_written);
  CHECK_EQ(client.got.length, LENGTH);
  free(text);
  virtual_port_close(port);
  tear_down();
}

TEST(impairment_splits_what_goes_out) {
  static const struct impairment split = {.count = 3, .pieces = {1, 3, 5}};
  static const struct impairment none = {0};
  set_up();
  struct virtual_port *port = connect_impaired();
  CHECK(impairment_set(client.transport, &split));
  send_text(&client, "0123456789abc");
  run();
  CHECK_TEXT(server.pieces, "1 3 5 1 3");
  has_got(&server, "0123456789abc");
  CHECK(impairment_set(client.transport, &none));
  send_text(&client, "whole again");
  run();
  CHECK_TEXT(server.pieces, "1 3 5 1 3 11");
  CHECK(!impairment_set(server.transport, &split));
  virtual_port_close(port);
  tear_down();
}

TEST(impairment_sends_fin_after_what_it_holds) {
  static const struct impairment split = {.count = 1, .pieces = {1}};
  set_up();
  struct virtual_port *port = connect_impaired();
  impairment_set(client.transport, &split);
  send_text(&client, "abc");
  client.transport->ops->shutdown(client.transport);
  virtual_network_run(&network);
  CHECK(!server.has_ended);
  run();
  has_got(&server, "abc");
  CHECK(server.has_ended);
  virtual_port_close(port);
  tear_down();
}

TEST(impairment_holds_a_limited_amount) {
  enum { LENGTH = 200 * 1024 };
  static const struct impairment slow = {.rate = 100 * 1024};
  set_up();
  struct virtual_port *port = connect_impaired();
  char *text = calloc(1, LENGTH);
  struct slice all = {text, LENGTH};
  impairment_set(client.transport, &slow);
  ssize_t sent = client.transport->ops->try_write(client.transport, &all, 1);
  CHECK(sent > 0 && sent < LENGTH);
  struct slice rest = {text, (size_t)(LENGTH - sent)};
  CHECK_EQ(client.transport->ops->write(client.transport, &rest, 1), 0);
  run();
  CHECK(!client.was_written);
  for (int i = 0; i < 30; i++) wait_for(100);
  CHECK(client.was_written);
  CHECK_EQ(server.got.length, LENGTH);
  free(text);
  virtual_port_close(port);
  tear_down();
}

TEST(impairment_has_a_bandwidth_each_way) {
  static const struct impairment slow = {.rate = 10};
  set_up();
  struct virtual_port *port = connect_impaired();
  impairment_set(client.transport, &slow);
  send_text(&client, "0123456789abcdefghij");
  send_text(&server, "0123456789abcdefghij");
  run();
  CHECK_EQ(server.got.length, 0);
  CHECK_EQ(client.got.length, 0);
  for (int i = 0; i < 10; i++) wait_for(100);
  CHECK(server.got.length >= 8 && server.got.length <= 11);
  CHECK(client.got.length >= 8 && client.got.length <= 11);
  for (int i = 0; i < 15; i++) wait_for(100);
  has_got(&server, "0123456789abcdefghij");
  has_got(&client, "0123456789abcdefghij");
  virtual_port_close(port);
  tear_down();
}

TEST(impairment_keeps_a_paused_owner_paused) {
  static const struct impairment slow = {.rate = 1000}, none = {0};
  set_up();
  struct virtual_port *port = connect_impaired();
  client.transport->ops->stop_reading(client.transport);
  impairment_set(client.transport, &slow);
  send_text(&server, "abc");
  wait_for(1000);
  impairment_set(client.transport, &none);
  wait_for(1000);
  CHECK_EQ(client.got.length, 0);
  client.transport->ops->start_reading(client.transport);
  run();
  has_got(&client, "abc");
  virtual_port_close(port);
  tear_down();
}

TEST(virtual_network_breaks_what_it_has_no_memory_for) {
  set_up();
  struct virtual_port *port = connect_impaired();
  send_text(&client, "lost");
  mem_fail_at(1, true);
  while (virtual_network_run(&network)) continue;
  mem_fail_at(0, false);
  CHECK_EQ(server.got.length, 0);
  CHECK(server.has_ended);
  CHECK_EQ(server.error, -ENOMEM);
  virtual_port_close(port);
  tear_down();
}

TEST(virtual_network_without_memory) {
  for (uint64_t nth = 1;; nth++) {
    set_up();
    mem_fail_at(nth, false);
    struct virtual_port *port =
        virtual_port_open(&network, 80, on_accepted, &server);
    struct transport *transport =
        port ? virtual_network_connect(&network, 80) : NULL;
    if (transport) {
      transport =
          impairment_new(transport, network.clock, &network.impairments);
    }
    bool is_enough = mem_requests() < nth;
    mem_fail_at(0, false);
    if (transport) own(&client, transport);
    run();
    if (port) virtual_port_close(port);
    tear_down();
    if (is_enough) break;
  }
}
