#include "memory.h"

#include "base/mem.h"

#include <errno.h>

/* Owns both directions' bytes; `left` is what `write` took and the window had
 * no room for. */
struct memory_transport {
  struct transport base;
  struct buffer incoming, outgoing, left;
  size_t window;
  int error;
  bool reading, fin_sent, fin_heard, broken, writing, shut_down, closed;
};

static struct memory_transport *memory_of(struct transport *transport) {
  return (struct memory_transport *)transport;
}

static int memory_start_reading(struct transport *transport) {
  memory_of(transport)->reading = true;
  return 0;
}

static void memory_stop_reading(struct transport *transport) {
  memory_of(transport)->reading = false;
}

static size_t room(const struct memory_transport *memory) {
  size_t used = memory->outgoing.length;
  return used < memory->window ? memory->window - used : 0;
}

static ssize_t memory_try_write(struct transport *transport,
                                const struct slice *pieces, size_t count) {
  struct memory_transport *memory = memory_of(transport);
  size_t total = 0;
  if (memory->broken) return -EPIPE;
  for (size_t i = 0; i < count; i++) {
    size_t n =
        pieces[i].length < room(memory) ? pieces[i].length : room(memory);
    if (!buffer_append(&memory->outgoing, pieces[i].at, n)) return -ENOMEM;
    total += n;
    if (n < pieces[i].length) break;
  }
  return (ssize_t)total;
}

static int memory_write(struct transport *transport, const struct slice *pieces,
                        size_t count) {
  struct memory_transport *memory = memory_of(transport);
  for (size_t i = 0; i < count; i++) {
    if (!buffer_append(&memory->left, pieces[i].at, pieces[i].length)) {
      return -ENOMEM;
    }
  }
  memory->writing = true;
  return 0;
}

static size_t memory_untaken(struct transport *transport) {
  return memory_of(transport)->outgoing.length;
}

static int memory_shutdown(struct transport *transport) {
  memory_of(transport)->shut_down = true;
  return 0;
}

static void memory_close(struct transport *transport) {
  memory_of(transport)->closed = true;
}

static struct address memory_peer(struct transport *transport) {
  (void)transport;
  return (struct address){.family = 4, .port = 4321, .bytes = {127, 0, 0, 1}};
}

static const struct transport_ops memory_ops = {
    .start_reading = memory_start_reading,
    .stop_reading = memory_stop_reading,
    .try_write = memory_try_write,
    .write = memory_write,
    .untaken = memory_untaken,
    .shutdown = memory_shutdown,
    .close = memory_close,
    .peer = memory_peer,
};

struct memory_transport *memory_transport_new(void) {
  struct memory_transport *memory = mem_alloc_zeroed(1, sizeof *memory);
  if (!memory) return NULL;
  memory->base.ops = &memory_ops;
  memory->window = SIZE_MAX;
  return memory;
}

struct transport *memory_transport_face(struct memory_transport *memory) {
  return &memory->base;
}

bool memory_send(struct memory_transport *memory, const void *bytes,
                 size_t length) {
  return buffer_append(&memory->incoming, bytes, length);
}

void memory_send_fin(struct memory_transport *memory) {
  memory->fin_sent = true;
}

void memory_break(struct memory_transport *memory, int error) {
  memory->broken = true;
  memory->error = error;
}

void memory_set_window(struct memory_transport *memory, size_t window) {
  memory->window = window;
}

const struct buffer *memory_received(struct memory_transport *memory) {
  return &memory->outgoing;
}

void memory_take(struct memory_transport *memory, size_t length) {
  buffer_consume(&memory->outgoing, length);
}

size_t memory_waiting(const struct memory_transport *memory) {
  return memory->incoming.length;
}

bool memory_is_shut_down(const struct memory_transport *memory) {
  return memory->shut_down;
}

bool memory_is_closed(const struct memory_transport *memory) {
  return memory->closed;
}

/* Reads as a socket does: into the owner's space when it has one. */
static void deliver(struct memory_transport *memory) {
  const struct transport_events *events = memory->base.events;
  uint8_t *space = NULL;
  size_t wanted = events->space(memory->base.owner, &space);
  struct buffer bytes = memory->incoming;
  memory->incoming = (struct buffer){0};
  if (wanted == 0) {
    events->read(memory->base.owner, bytes.bytes, bytes.length);
    buffer_free(&bytes);
    return;
  }
  size_t length = bytes.length < wanted ? bytes.length : wanted;
  memcpy(space, bytes.bytes, length);
  buffer_consume(&bytes, length);
  memory->incoming = bytes;
  events->read(memory->base.owner, space, length);
}

static void deliver_left(struct memory_transport *memory) {
  size_t n =
      room(memory) < memory->left.length ? room(memory) : memory->left.length;
  buffer_append(&memory->outgoing, memory->left.bytes, n);
  buffer_consume(&memory->left, n);
  if (memory->left.length > 0) return;
  memory->writing = false;
  memory->base.events->written(memory->base.owner, 0);
}

static void deliver_end(struct memory_transport *memory) {
  memory->reading = false;
  memory->fin_heard = true;
  memory->base.events->ended(memory->base.owner, memory->error);
}

static bool finish(struct memory_transport *memory) {
  const struct transport_events *events = memory->base.events;
  void *owner = memory->base.owner;
  buffer_free(&memory->incoming);
  buffer_free(&memory->outgoing);
  buffer_free(&memory->left);
  mem_free(memory);
  if (events) events->closed(owner);
  return false;
}

bool memory_has_more(const struct memory_transport *memory) {
  if (memory->closed) return true;
  if (memory->broken && !memory->fin_heard) return true;
  if (memory->reading && memory->incoming.length > 0) return true;
  if (memory->writing && !memory->broken && room(memory) > 0) return true;
  return memory->reading && memory->fin_sent && !memory->fin_heard;
}

bool memory_run(struct memory_transport *memory) {
  if (!memory->closed && memory->broken && !memory->fin_heard) {
    deliver_end(memory);
  }
  while (!memory->closed && memory->reading && memory->incoming.length > 0) {
    deliver(memory);
  }
  if (!memory->closed && memory->writing && !memory->broken) {
    deliver_left(memory);
  }
  if (!memory->closed && memory->reading && memory->fin_sent &&
      !memory->fin_heard) {
    deliver_end(memory);
  }
  return memory->closed ? finish(memory) : true;
}
