/* test_memory_transport - the network that other tests stand on. */
#include "base/mem.h"
#include "check.h"
#include "net/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* An owner that notes what it hears, and may have a place for the bytes. */
struct hearer {
  struct transport *transport;
  char heard[256];
  uint8_t space[4];
  bool has_space, stops;
};

static void note(struct hearer *hearer, const char *text) {
  size_t length = strlen(hearer->heard);

  snprintf(hearer->heard + length, sizeof hearer->heard - length, "%s;", text);
}

static size_t space(void *owner, uint8_t **bytes) {
  struct hearer *hearer = owner;

  *bytes = hearer->space;
  return hearer->has_space ? sizeof hearer->space : 0;
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct hearer *hearer = owner;
  char text[64];

  CHECK_EQ(bytes == hearer->space, hearer->has_space);
  snprintf(text, sizeof text, "%.*s", (int)length, (char *)bytes);
  note(hearer, text);
  if (hearer->stops) hearer->transport->ops->stop_reading(hearer->transport);
}

static void on_ended(void *owner, int error) {
  note(owner, error ? "broken" : "end");
}

static void on_written(void *owner, int error) {
  note(owner, error ? "not written" : "written");
}

static void on_closed(void *owner) {
  note(owner, "closed");
}

static const struct transport_events events = {space,      on_read,   on_ended,
                                               on_written, on_closed, NULL};

static struct memory_transport *set_up(struct hearer *hearer) {
  struct memory_transport *memory = memory_transport_new();

  hearer->transport = memory_transport_face(memory);
  hearer->transport->events = &events;
  hearer->transport->owner = hearer;
  return memory;
}

static void close_it(struct memory_transport *memory, struct hearer *hearer) {
  hearer->transport->ops->close(hearer->transport);
  CHECK(memory_is_closed(memory));
  CHECK(!memory_run(memory));
}

TEST(memory_transport_delivers_while_it_is_read) {
  int64_t before = mem_in_use();
  struct hearer hearer = {.stops = true};
  struct memory_transport *memory = set_up(&hearer);

  memory_send(memory, "one", 3);
  CHECK(memory_run(memory));
  CHECK_TEXT(hearer.heard, "");
  hearer.transport->ops->start_reading(hearer.transport);
  CHECK_TEXT(hearer.heard, "");
  memory_run(memory);
  memory_send(memory, "two", 3);
  memory_send_fin(memory);
  memory_run(memory);
  CHECK_TEXT(hearer.heard, "one;");
  hearer.stops = false;
  hearer.transport->ops->start_reading(hearer.transport);
  memory_run(memory);
  memory_run(memory);
  close_it(memory, &hearer);
  CHECK_TEXT(hearer.heard, "one;two;end;closed;");
  CHECK_EQ(mem_in_use(), before);
}

TEST(memory_transport_reads_to_where_its_owner_wants) {
  struct hearer hearer = {.has_space = true};
  struct memory_transport *memory = set_up(&hearer);

  hearer.transport->ops->start_reading(hearer.transport);
  memory_send(memory, "abcdefghij", 10);
  memory_run(memory);
  close_it(memory, &hearer);
  CHECK_TEXT(hearer.heard, "abcd;efgh;ij;closed;");
}

TEST(memory_transport_takes_what_its_window_has_room_for) {
  struct hearer hearer = {.has_space = false};
  struct memory_transport *memory = set_up(&hearer);
  const struct transport_ops *ops = hearer.transport->ops;
  struct slice pieces[2] = {SLICE("Hello "), SLICE("world")};

  memory_set_window(memory, 8);
  CHECK_EQ(ops->try_write(hearer.transport, pieces, 2), 8);
  CHECK_EQ(ops->try_write(hearer.transport, pieces, 2), 0);
  pieces[0] = SLICE("rld");
  CHECK_EQ(ops->write(hearer.transport, pieces, 1), 0);
  memory_run(memory);
  CHECK_TEXT(hearer.heard, "");
  memory_take(memory, 2);
  memory_run(memory);
  CHECK_TEXT(hearer.heard, "");
  memory_take(memory, 1);
  memory_run(memory);
  CHECK_TEXT(hearer.heard, "written;");
  CHECK_BYTES(memory_received(memory)->bytes, memory_received(memory)->length,
              "lo world", 8);
  close_it(memory, &hearer);
}

TEST(memory_transport_breaks) {
  struct hearer hearer = {.has_space = false};
  struct memory_transport *memory = set_up(&hearer);
  struct slice piece = SLICE("a");

  memory_break(memory, -ECONNRESET);
  memory_run(memory);
  memory_run(memory);
  CHECK_TEXT(hearer.heard, "broken;");
  CHECK_EQ(hearer.transport->ops->try_write(hearer.transport, &piece, 1),
           -EPIPE);
  close_it(memory, &hearer);
}

TEST(memory_transport_says_nothing_after_close) {
  int64_t before = mem_in_use();
  struct hearer hearer = {.has_space = false};
  struct memory_transport *memory = set_up(&hearer);
  struct slice piece = SLICE("a");

  memory_set_window(memory, 0);
  hearer.transport->ops->start_reading(hearer.transport);
  CHECK_EQ(hearer.transport->ops->write(hearer.transport, &piece, 1), 0);
  CHECK_EQ(hearer.transport->ops->shutdown(hearer.transport), 0);
  CHECK(memory_is_shut_down(memory));
  memory_send(memory, "late", 4);
  memory_send_fin(memory);
  memory_set_window(memory, 10);
  close_it(memory, &hearer);
  CHECK_TEXT(hearer.heard, "closed;");
  CHECK_EQ(mem_in_use(), before);
}
