/*
 * fuzz_tls - two ends of TLS back to back in memory. The input says what
 * happens to them: bytes move in pieces, some are spoilt, some are made up,
 * ends send, pause, shut down. Whatever that is, what one end delivers is the
 * beginning of what the other sent, and nothing is kept when both are closed.
 */
#include "base/buffer.h"
#include "base/mem.h"
#include "net/memory.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "net/tls_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct end {
  struct transport *transport; /* NULL once it is closed */
  struct memory_transport *memory;
  struct buffer sent, got;
  bool ended, is_paused, is_writing, is_shut;
};

static struct {
  struct tls_server *server;
  struct tls_config *client;
  int64_t held;
} shared;

static size_t on_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct end *end = owner;
  if (length == 0 || !buffer_append(&end->got, bytes, length)) abort();
  memset(bytes, 0xee, length);
}

static void on_ended(void *owner, int error) {
  struct end *end = owner;
  (void)error;
  end->ended = true;
}

static void on_written(void *owner, int error) {
  struct end *end = owner;
  (void)error;
  if (!end->is_writing) abort();
  end->is_writing = false;
}

static void on_closed(void *owner) {
  ((struct end *)owner)->transport = NULL;
}

static const struct transport_events events = {
    .space = on_space,
    .read = on_read,
    .ended = on_ended,
    .written = on_written,
    .closed = on_closed,
};

static void begin(struct end *end, struct transport *transport) {
  if (!transport) abort();
  end->transport = transport;
  transport->events = &events;
  transport->owner = end;
  transport->ops->start_reading(transport);
}

static void move(struct end *from, struct end *to, size_t most,
                 size_t spoilt_at) {
  uint8_t bytes[4096];
  if (!from->transport || !to->transport) return;
  const struct buffer *out = memory_received(from->memory);
  size_t length = out->length < most ? out->length : most;
  if (length > sizeof bytes) length = sizeof bytes;
  if (length > 0) {
    memcpy(bytes, out->bytes, length);
    memory_take(from->memory, length);
    if (spoilt_at < length) bytes[spoilt_at] ^= 0x55;
    memory_send(to->memory, bytes, length);
  } else if (memory_is_shut_down(from->memory)) {
    memory_send_fin(to->memory);
  }
  memory_run(to->memory);
  memory_run(from->memory);
}

static void send_some(struct end *end, size_t length) {
  static uint8_t bytes[65536];
  struct transport *transport = end->transport;
  if (end->is_writing || end->is_shut || end->ended) return;
  for (size_t i = 0; i < length; i++) {
    bytes[i] = (uint8_t)((end->sent.length + i) * 31 >> 3);
  }
  if (!buffer_append(&end->sent, bytes, length)) abort();
  struct slice piece = {(char *)bytes, length};
  ssize_t sent = transport->ops->try_write(transport, &piece, 1);
  if (sent < 0 || (size_t)sent == length) return;
  piece.at += sent;
  piece.length -= (size_t)sent;
  end->is_writing = true;
  if (transport->ops->write(transport, &piece, 1) != 0) end->is_writing = false;
}

static void pause_or_go_on(struct end *end) {
  struct transport *transport = end->transport;
  if (end->ended) return;
  end->is_paused = !end->is_paused;
  if (end->is_paused)
    transport->ops->stop_reading(transport);
  else if (transport->ops->start_reading(transport) != 0)
    end->ended = true;
}

/* One step; returns how many bytes of the input it used. */
static size_t step(struct end *one, struct end *other, const uint8_t *data,
                   size_t size) {
  size_t number = size > 1 ? data[1] : 0;
  switch (data[0] >> 1 & 7) {
  case 0: move(one, other, SIZE_MAX, SIZE_MAX); return 1;
  case 1: move(one, other, number + 1, SIZE_MAX); return 2;
  case 2: move(one, other, number + 1, size > 2 ? data[2] : 0); return 3;
  case 3: send_some(one, number * 7); return 2;
  case 4: send_some(one, number * 200); return 2;
  case 5: pause_or_go_on(one); return 1;
  case 6:
    if (!one->is_shut) one->transport->ops->shutdown(one->transport);
    one->is_shut = true;
    return 1;
  default:
    if (number > size - 1) number = size - 1;
    memory_send(one->memory, data + 1, number);
    memory_run(one->memory);
    return number + 1;
  }
}

static void check(const struct end *from, const struct end *to) {
  if (to->got.length > from->sent.length ||
      (to->got.length > 0 &&
       memcmp(to->got.bytes, from->sent.bytes, to->got.length) != 0)) {
    abort();
  }
}

static void finish(struct end *end) {
  buffer_free(&end->sent);
  buffer_free(&end->got);
  end->transport->ops->close(end->transport);
  memory_run(end->memory);
  if (end->transport) abort();
}

static void set_up(void) {
  char error[TLS_ERROR_MAX];
  const struct tls_server_options server = {0};
  const struct tls_client_options client = {.is_insecure = true};
  mem_fail_at(0, false); /* counts from here on */
  shared.server = tls_server_new(NULL, &server, error);
  shared.client = tls_client_config(&client, error);
  if (!shared.server || !shared.client) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says how far the two have come before all that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct end server = {0}, client = {0};
  if (!shared.server) set_up();
  if (size < 2) return 0;
  tls_drain();
  shared.held = mem_in_use();
  server.memory = memory_transport_new();
  client.memory = memory_transport_new();
  begin(&server,
        tls_server_wrap(shared.server, memory_transport_face(server.memory)));
  begin(&client,
        tls_client_wrap(shared.client, memory_transport_face(client.memory),
                        "localhost"));
  for (int i = 0; i < (data[0] & 7); i++) {
    move(&client, &server, SIZE_MAX, SIZE_MAX);
    move(&server, &client, SIZE_MAX, SIZE_MAX);
  }
  if (data[0] & 8) memory_set_window(server.memory, 100);
  for (size_t at = 1; at < size;) {
    bool is_client = data[at] & 1;
    at += step(is_client ? &client : &server, is_client ? &server : &client,
               data + at, size - at);
    check(&client, &server);
    check(&server, &client);
  }
  finish(&server);
  finish(&client);
  tls_drain();
  if (mem_in_use() != shared.held) abort();
  return 0;
}
