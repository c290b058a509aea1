/*
 * What a connection receives: whether it is read at all, what its transport
 * tells, and whose the bytes are in each state. What may not be looked at yet
 * waits in `unread`.
 */
#include "internal.h"

enum { FAIR_SHARE = 128 * 1024 }; /* bytes of one connection in a turn */

/* ---- reading, or not */

static bool is_read(const struct connection *conn) {
  switch (conn->state) {
  case CONNECTION_PROXY:
  case CONNECTION_HTTP:
  case CONNECTION_BODY: return !conn->paused && !conn->peer_ended;
  case CONNECTION_ASKING: return true;
  /* What is behind the request may come, and the peer's end is heard of. */
  case CONNECTION_ANSWERING:
    return !conn->paused && !conn->peer_ended &&
           conn->unread.length < conn->service->max_header_size;
  case CONNECTION_CLOSING: return conn->unread.length == 0;
  case CONNECTION_ENDING: return !conn->peer_ended;
  case CONNECTION_RAW:
  case CONNECTION_OPEN:
    return !conn->paused && !conn->peer_ended && conn->unread.length == 0;
  default: return false;
  }
}

void input_update(struct connection *conn) {
  bool wanted = is_read(conn);
  if (wanted == conn->reading || !conn->transport) return;
  conn->reading = wanted;
  if (!wanted) {
    conn->transport->ops->stop_reading(conn->transport);
    return;
  }
  int error = conn->transport->ops->start_reading(conn->transport);
  if (error) connection_lose(conn, CLOSE_ABNORMAL);
}

void connection_pause(struct connection *conn, enum pause_reason reason) {
  conn->paused |= (uint8_t)reason;
  input_update(conn);
}

void connection_resume(struct connection *conn, enum pause_reason reason) {
  if (!(conn->paused & reason)) return;
  conn->paused &= (uint8_t)~reason;
  if (conn->paused) return;
  if (conn->unread.length > 0) {
    conn->pull_due = true;
    server_mark(conn->server, conn);
  }
  input_update(conn);
}

void input_keep(struct connection *conn, const uint8_t *bytes, size_t length) {
  if (!buffer_append(&conn->unread, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  input_update(conn);
}

void input_free(struct connection *conn) {
  http_free_body(conn);
  opening_free(conn);
  answer_free(conn);
  if (conn->has_reader) reader_free(&conn->in.reader);
  conn->has_reader = false;
  buffer_free(&conn->unread);
}

/* ---- whose the bytes are */

static void raw_receive(struct connection *conn, const uint8_t *bytes,
                        size_t length) {
  if (conn->paused) {
    input_keep(conn, bytes, length);
    return;
  }
  struct slice message = {(const char *)bytes, length};
  conn->endpoint->events->message(conn->endpoint, conn, message, true);
}

static void receive(struct connection *conn, uint8_t *bytes, size_t length) {
  switch (conn->state) {
  case CONNECTION_PROXY: proxy_receive(conn, bytes, length); break;
  case CONNECTION_HTTP:
  case CONNECTION_BODY: http_receive(conn, bytes, length); break;
  case CONNECTION_DECIDING:
  case CONNECTION_ANSWERING: input_keep(conn, bytes, length); break;
  case CONNECTION_ASKING: opening_receive(conn, bytes, length); break;
  case CONNECTION_RAW: raw_receive(conn, bytes, length); break;
  case CONNECTION_OPEN:
  case CONNECTION_CLOSING: websocket_receive(conn, bytes, length); break;
  default: break; /* ENDING: thrown away */
  }
}

void input_pull(struct connection *conn) {
  conn->pull_due = false;
  struct buffer bytes = conn->unread;
  conn->unread = (struct buffer){0};
  if (securing_is_under_way(conn))
    conn->transport->ops->feed(conn->transport, bytes.bytes, bytes.length);
  else
    receive(conn, bytes.bytes, bytes.length);
  buffer_free(&bytes);
  input_update(conn);
}

/* ---- what the transport tells */

/* Who sends more than the others waits for its next turn. */
static void share(struct connection *conn) {
  if (conn->state >= CONNECTION_CLOSING) return;
  connection_pause(conn, PAUSE_TURN);
  server_mark(conn->server, conn);
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct connection *conn = owner;
  connection_hold(conn);
  connection_heard(conn);
  receive(conn, bytes, length);
  if (length >= FAIR_SHARE) share(conn);
  connection_drop(conn);
}

static size_t on_space(void *owner, uint8_t **bytes) {
  struct connection *conn = owner;
  if (conn->state != CONNECTION_OPEN) return 0;
  return reader_space(&conn->in.reader, bytes);
}

/* FIN. What was sent before it has been delivered; what is queued still goes
 * out, for the peer may only have ended its own direction. */
static void peer_ended(struct connection *conn) {
  conn->peer_ended = true;
  conn->reading = false;
  if (conn->state == CONNECTION_ASKING) {
    opening_ended(conn);
    return;
  }
  if (conn->state == CONNECTION_ENDING) {
    if (conn->shut_down) connection_close_transport(conn);
    return;
  }
  if (conn->state == CONNECTION_ANSWERING) { /* it may still listen */
    server_mark(conn->server, conn);
    return;
  }
  int code = conn->state == CONNECTION_RAW ? CLOSE_NORMAL : CLOSE_ABNORMAL;
  connection_note_close(conn, code, SLICE(""));
  connection_end(conn);
}

void input_end(struct connection *conn) {
  if (connection_is_open(conn) && conn->unread.length == 0)
    peer_ended(conn);
  else
    http_end_after_peer(conn);
}

static void on_ended(void *owner, int error) {
  struct connection *conn = owner;
  connection_hold(conn);
  if (error && securing_is_under_way(conn))
    securing_failed(conn);
  else if (error)
    connection_lose(conn, CLOSE_ABNORMAL);
  else
    peer_ended(conn);
  connection_drop(conn);
}

static void on_written(void *owner, int error) {
  struct connection *conn = owner;
  connection_hold(conn);
  output_written(conn, error);
  connection_drop(conn);
}

static void on_closed(void *owner) {
  struct connection *conn = owner;
  connection_hold(conn);
  conn->transport = NULL;
  connection_drop(conn);
}

static void on_opened(void *owner) {
  struct connection *conn = owner;
  connection_hold(conn);
  securing_is_done(conn);
  connection_drop(conn);
}

static const struct transport_events transport_events = {
    .space = on_space,
    .read = on_read,
    .ended = on_ended,
    .written = on_written,
    .closed = on_closed,
    .opened = on_opened,
};

void input_take_transport(struct connection *conn,
                          struct transport *transport) {
  conn->transport = transport;
  transport->events = &transport_events;
  transport->owner = conn;
}
