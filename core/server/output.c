/*
 * What a connection sends: queued during a turn, written once at its end, and
 * what happens when the peer does not take it.
 */
#include "internal.h"
#include "proto/framed.h"

enum {
  HIGH_WATER = 64 * 1024, /* over it, the peer is not read */
  LOW_WATER = 16 * 1024,  /* under it, it is read again, and `drain` is told */
  HIGH_FRAMES = 512, /* the same for their number: a small one costs more */
  LOW_FRAMES = 128,  /* than its bytes */
  EARLY_FLUSH_FRAMES = 1024,
  WRITE_MOST = 32 * 1024, /* in one request to the transport */
};

/* Waiting for the end of the turn saves system calls only while the queue is
 * small; a large one is written while its bytes are still in the cache. */
static bool is_large(const struct send_queue *queue) {
  return queue->length >= HIGH_WATER || queue->count >= EARLY_FLUSH_FRAMES;
}

bool output_is_low(const struct connection *conn) {
  return conn->queue.length < LOW_WATER;
}

static bool is_over_high(const struct send_queue *queue) {
  return queue->length > HIGH_WATER || queue->count > HIGH_FRAMES;
}

static bool is_under_low(const struct send_queue *queue) {
  return queue->length < LOW_WATER && queue->count < LOW_FRAMES;
}

static size_t total(const struct slice *pieces, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += pieces[i].length;
  return length;
}

/* A server that does not take our output may be one that waits for us to take
 * its own, as ours does: one of the two has to read on, and that is the client.
 */
static void watch_level(struct connection *conn) {
  if (!conn->over_high && is_over_high(&conn->queue)) {
    conn->over_high = true;
    if (!conn->is_outgoing) connection_pause(conn, PAUSE_OUTPUT);
  } else if (conn->over_high && is_under_low(&conn->queue)) {
    conn->over_high = false;
    conn->drain_due = true;
    server_mark(conn->server, conn);
    connection_resume(conn, PAUSE_OUTPUT);
  }
}

/* What a client sends is masked, each frame with a key of its own; so nothing
 * that it sends is shared with others. */
static bool queue_masked(struct connection *conn,
                         const struct payload *payload) {
  struct payload *masked = framed_masked(payload);
  if (!masked) return false;
  bool is_queued = send_queue_add(&conn->queue, masked);
  payload_drop(masked);
  return is_queued;
}

static bool queue(struct connection *conn, struct payload *payload) {
  if (conn->is_outgoing && conn->has_reader) return queue_masked(conn, payload);
  return send_queue_add(&conn->queue, payload);
}

static void add(struct connection *conn, struct payload *payload) {
  if (!queue(conn, payload)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  if (conn->writing) {
    watch_level(conn);
    return;
  }
  server_mark(conn->server, conn);
  if (is_large(&conn->queue)) output_flush(conn);
}

void output_add(struct connection *conn, struct payload *payload) {
  if (!payload) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  if (conn->state < CONNECTION_ENDING) add(conn, payload);
  payload_drop(payload);
}

void output_add_bytes(struct connection *conn, struct buffer *bytes,
                      bool is_whole) {
  struct slice all = {(const char *)bytes->bytes, bytes->length};
  output_add(conn, is_whole ? payload_copy(all) : NULL);
  buffer_free(bytes);
}

/* What a peer that does not take its messages is told. */
static enum send_result overflow(struct connection *conn) {
  if (conn->endpoint->limits.overflow == OVERFLOW_DROP) return SEND_DROPPED;
  if (conn->is_raw)
    connection_lose(conn, CLOSE_ABNORMAL);
  else
    websocket_fail(conn, CLOSE_TRY_AGAIN_LATER, "the peer reads too slowly");
  return SEND_DROPPED;
}

static bool is_over(const struct connection *conn) {
  return conn->queue.length > conn->endpoint->limits.max_buffered_amount;
}

static enum send_result send_plain(struct connection *conn,
                                   struct payload *payload) {
  if (!connection_is_open(conn)) return SEND_CLOSED;
  if (is_over(conn)) return overflow(conn);
  add(conn, payload);
  return SEND_QUEUED;
}

/* What is left out is not compressed: a context must not know what the peer
 * never gets. Kept apart, so that the plain way stays short. */
__attribute__((noinline)) static enum send_result
send_compressed(struct connection *conn, struct payload *payload) {
  if (!connection_is_open(conn)) return SEND_CLOSED;
  if (is_over(conn)) return overflow(conn);
  struct payload *form = compression_apply(conn->compression, payload);
  add(conn, form);
  payload_drop(form);
  return SEND_QUEUED;
}

enum send_result connection_send(struct connection *conn,
                                 struct payload *payload) {
  if (conn->compression) return send_compressed(conn, payload);
  return send_plain(conn, payload);
}

enum send_result connection_send_as_is(struct connection *conn,
                                       struct payload *payload) {
  return send_plain(conn, payload);
}

/* As many of the pieces as WRITE_MOST allows: a peer that takes them slowly is
 * seen to take something. */
static size_t cut(struct slice *pieces, size_t count) {
  size_t left = WRITE_MOST;
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].length >= left) {
      pieces[i].length = left;
      return i + 1;
    }
    left -= pieces[i].length;
  }
  return count;
}

/* The kernel refused the rest: the transport keeps the front of the queue until
 * it is out, and the queue keeps its bytes in place. */
static void write_rest(struct connection *conn) {
  struct slice pieces[SEND_PIECES_MAX];
  size_t count = send_queue_pieces(&conn->queue, NULL, pieces);
  count = cut(pieces, count);
  int error = conn->transport->ops->write(conn->transport, pieces, count);
  if (error) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  conn->writing = true;
  conn->in_flight = total(pieces, count);
}

/* True when all that was offered went out. */
static bool write_front(struct connection *conn) {
  struct slice pieces[SEND_PIECES_MAX];
  size_t count = send_queue_pieces(&conn->queue, conn->server->gather, pieces);
  ssize_t written =
      conn->transport->ops->try_write(conn->transport, pieces, count);
  if (written < 0) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  bool is_all = (size_t)written == total(pieces, count);
  send_queue_consume(&conn->queue, (size_t)written);
  return is_all;
}

void output_flush(struct connection *conn) {
  if (conn->writing || conn->state == CONNECTION_CLOSED || !conn->transport) {
    return;
  }
  while (conn->queue.length > 0) {
    if (write_front(conn)) continue;
    if (conn->state == CONNECTION_CLOSED) return;
    write_rest(conn);
    break;
  }
  watch_level(conn);
}

void output_written(struct connection *conn, int error) {
  conn->writing = false;
  if (error) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  connection_heard(conn);
  send_queue_consume(&conn->queue, conn->in_flight);
  if (conn->late_pong) {
    struct payload *pong = conn->late_pong;
    conn->late_pong = NULL;
    if (conn->state == CONNECTION_OPEN)
      output_add(conn, pong);
    else
      payload_drop(pong);
  }
  output_flush(conn);
  /* A peer that still takes what it was sent is not late. */
  if (conn->state == CONNECTION_ENDING || conn->state == CONNECTION_CLOSING) {
    connection_wait_for_end(conn);
  } else if (conn->state == CONNECTION_ANSWERING) {
    connection_set_timer(conn, 0);
  }
  server_mark(conn->server, conn);
}
