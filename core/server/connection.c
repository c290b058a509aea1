#include "connection.h"

#include "base/mem.h"
#include "internal.h"
#include "proto/framed.h"

#include <errno.h>

const struct limits limits_default = {
    .max_message_size = UINT64_C(1024) * 1024,
    .max_buffered_amount = (size_t)1024 * 1024,
    .overflow = OVERFLOW_CLOSE,
    .keep_alive = 30 * 1000,
    .close_timeout = 5 * 1000,
    .queue_events = 64,
    .queue_bytes = 256 * 1024,
};

/* How long what the peer still sends is thrown away after our FIN. */
enum {
  LINGER = 1000,
  FAIR_SHARE = 128 * 1024, /* bytes read from one connection in a turn */
};

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

void connection_update_reading(struct connection *conn) {
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

void connection_set_timer(struct connection *conn, uint64_t delay) {
  struct wheel *wheel = &conn->server->wheel;
  if (delay > 0)
    wheel_start(wheel, &conn->timer, delay);
  else
    wheel_stop(wheel, &conn->timer);
}

/* Not at once when the input ends: its bytes may be in the hands of a handler
 * that is just closing the connection. */
static void release_input(struct connection *conn) {
  http_free_body(conn);
  opening_free(conn);
  answer_free(conn);
  if (conn->has_reader) reader_free(&conn->in.reader);
  conn->has_reader = false;
  buffer_free(&conn->unread);
}

static struct close_reason *reason_of(struct slice text) {
  if (text.length == 0) return NULL;
  struct close_reason *reason = mem_alloc(sizeof *reason + text.length);
  if (!reason) return NULL; /* the code alone will do */
  reason->length = (uint8_t)text.length;
  memcpy(reason->text, text.at, text.length);
  return reason;
}

void connection_note_close(struct connection *conn, int code,
                           struct slice reason) {
  if (!conn->told_open || conn->close_due) return;
  conn->close_due = true;
  conn->close_code = (uint16_t)code;
  conn->reason = reason_of(reason);
  server_mark(conn->server, conn);
}

/* The peer is alive. */
void connection_heard(struct connection *conn) {
  conn->heard = (uint32_t)(clock_now(conn->server->clock) / WHEEL_TICK);
  conn->pinged = false;
}

void connection_wait_for_end(struct connection *conn) {
  const struct limits *limits =
      conn->endpoint ? &conn->endpoint->limits : &limits_default;
  connection_set_timer(conn, limits->close_timeout);
}

void connection_end(struct connection *conn) {
  if (conn->state >= CONNECTION_ENDING) return;
  conn->state = CONNECTION_ENDING;
  connection_update_reading(conn);
  connection_wait_for_end(conn);
  server_mark(conn->server, conn);
}

static void close_transport(struct connection *conn) {
  if (conn->state == CONNECTION_CLOSED) return;
  if (conn->is_asking) opening_fail(conn, "The connection was lost.");
  conn->state = CONNECTION_CLOSED;
  connection_set_timer(conn, 0);
  conn->reading = false;
  server_mark(conn->server, conn);
  if (conn->transport) conn->transport->ops->close(conn->transport);
}

void connection_lose(struct connection *conn, int code) {
  connection_note_close(conn, code, SLICE(""));
  close_transport(conn);
}

void connection_terminate(struct connection *conn) {
  connection_lose(conn, CLOSE_ABNORMAL);
}

static void free_connection(struct connection *conn) {
  struct server *server = conn->server;
  list_remove(&conn->in_server);
  list_remove(&conn->in_due);
  send_queue_clear(&conn->queue);
  if (conn->late_pong) payload_drop(conn->late_pong);
  release_input(conn);
  mem_free(conn->head);
  mem_free(conn->reason);
  mem_free(conn->client);
  if (conn->compression) compression_drop(conn->compression);
  if (conn->is_refused) server->refused--;
  if (conn->is_counted) tally_leave(&server->tally, &conn->peer);
  if (conn->endpoint) endpoint_drop(conn->endpoint);
  if (conn->is_outgoing) server->outgoing--;
  mem_free(conn);
  server->count--;
  server_note_gone(server);
}

/* The one place where a connection is freed. */
void connection_drop(struct connection *conn) {
  conn->holds--;
  if (conn->holds > 0 || conn->transport || conn->close_due) return;
  free_connection(conn);
}

void connection_keep_unread(struct connection *conn, const uint8_t *bytes,
                            size_t length) {
  if (!buffer_append(&conn->unread, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  connection_update_reading(conn);
}

void connection_begin(struct connection *conn, struct endpoint *endpoint,
                      enum connection_state state) {
  conn->endpoint = endpoint_hold(endpoint);
  http_free_body(conn);
  conn->state = (uint8_t)state;
  conn->is_raw = state == CONNECTION_RAW;
  conn->told_open = true;
  if (state == CONNECTION_OPEN)
    websocket_begin(conn);
  else
    connection_set_timer(conn, 0);
  connection_hold(conn);
  endpoint->events->open(endpoint, conn);
  if (conn->server->draining) {
    connection_close(conn, CLOSE_GOING_AWAY, SLICE(""));
  }
  conn->pull_due = conn->unread.length > 0;
  server_mark(conn->server, conn);
  connection_update_reading(conn);
  connection_drop(conn);
}

/* ---- what the transport tells */

static void raw_receive(struct connection *conn, const uint8_t *bytes,
                        size_t length) {
  if (conn->paused) {
    connection_keep_unread(conn, bytes, length);
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
  case CONNECTION_ANSWERING: connection_keep_unread(conn, bytes, length); break;
  case CONNECTION_ASKING: opening_receive(conn, bytes, length); break;
  case CONNECTION_RAW: raw_receive(conn, bytes, length); break;
  case CONNECTION_OPEN:
  case CONNECTION_CLOSING: websocket_receive(conn, bytes, length); break;
  default: break; /* ENDING: thrown away */
  }
}

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
    if (conn->shut_down) close_transport(conn);
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

/* TLS was not agreed on. Its alert is on its way, and closing at once could
 * destroy it. */
static void securing_failed(struct connection *conn) {
  struct transport *transport = conn->transport;
  struct refusal refusal = {0, transport->ops->why(transport)};
  if (refusal.reason && conn->service->refused) {
    conn->service->refused(conn->service, conn, &refusal);
  }
  conn->state = CONNECTION_ENDING;
  conn->shut_down = true;
  connection_set_timer(conn, LINGER);
}

static bool is_securing(const struct connection *conn) {
  return conn->state == CONNECTION_HTTP && conn->transport &&
         conn->transport->is_opening;
}

static void on_ended(void *owner, int error) {
  struct connection *conn = owner;
  connection_hold(conn);
  if (error && is_securing(conn))
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

/* TLS is agreed on. HTTP waits for bytes, which come now. */
static void on_opened(void *owner) {
  struct connection *conn = owner;
  connection_hold(conn);
  if (conn->state == CONNECTION_HTTP && conn->service->raw) {
    connection_begin(conn, conn->service->raw, CONNECTION_RAW);
  }
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

static void take_transport(struct connection *conn,
                           struct transport *transport) {
  conn->transport = transport;
  transport->events = &transport_events;
  transport->owner = conn;
}

struct connection *connection_accept(struct server *server,
                                     struct service *service,
                                     struct transport *transport) {
  struct connection *conn = mem_alloc_zeroed(1, sizeof *conn);
  if (!conn) {
    transport->ops->close(transport);
    return NULL;
  }
  conn->server = server;
  conn->service = service;
  conn->id = ++server->last_id;
  conn->state = CONNECTION_HTTP;
  conn->peer = transport->ops->peer(transport);
  conn->is_secure = transport->ops->describe != NULL;
  connection_heard(conn);
  wheel_entry_init(&conn->timer);
  list_init(&conn->in_due);
  list_init(&conn->in_server);
  list_append(&server->connections, &conn->in_server);
  server->count++;
  take_transport(conn, transport);
  return conn;
}

/* Whatever has come behind a PROXY header is fed to it: see pull. */
static bool secure(struct connection *conn) {
  struct transport *transport =
      conn->service->secure(conn->service, conn->transport);
  if (!transport) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  take_transport(conn, transport);
  conn->is_secure = true;
  conn->reading = false;
  return true;
}

void connection_serve(struct connection *conn) {
  conn->state = CONNECTION_HTTP;
  if (conn->service->secure && !secure(conn)) return;
  if (conn->service->raw && !conn->is_secure)
    connection_begin(conn, conn->service->raw, CONNECTION_RAW);
  else
    connection_update_reading(conn);
}

void connection_start(struct connection *conn) {
  struct service *service = conn->service;
  if (service->has_proxy_header || service->secure || !service->raw) {
    connection_set_timer(conn, service->header_timeout);
  }
  if (!service->has_proxy_header) {
    connection_serve(conn);
    return;
  }
  conn->state = CONNECTION_PROXY;
  connection_update_reading(conn);
}

bool connection_describe(const struct connection *conn,
                         struct transport_secrecy *secrecy) {
  if (!conn->is_secure || !conn->transport) return false;
  conn->transport->ops->describe(conn->transport, secrecy);
  return true;
}

/* ---- what an app asks for */

static void raw_close(struct connection *conn) {
  connection_note_close(conn, CLOSE_NORMAL, SLICE(""));
  connection_end(conn);
}

void connection_close(struct connection *conn, int code, struct slice reason) {
  if (conn->state == CONNECTION_RAW) raw_close(conn);
  if (conn->state != CONNECTION_OPEN) return;
  conn->state = CONNECTION_CLOSING;
  output_add(conn, framed_close(code, reason.at, reason.length));
  if (conn->state != CONNECTION_CLOSING) return;
  connection_set_timer(conn, conn->endpoint->limits.close_timeout);
  /* The peer's close frame is awaited, pauses or not. */
  conn->pull_due = conn->unread.length > 0;
  server_mark(conn->server, conn);
  connection_update_reading(conn);
}

void connection_pause(struct connection *conn, enum pause_reason reason) {
  conn->paused |= (uint8_t)reason;
  connection_update_reading(conn);
}

void connection_resume(struct connection *conn, enum pause_reason reason) {
  if (!(conn->paused & reason)) return;
  conn->paused &= (uint8_t)~reason;
  if (conn->paused) return;
  if (conn->unread.length > 0) {
    conn->pull_due = true;
    server_mark(conn->server, conn);
  }
  connection_update_reading(conn);
}

/* ---- what is due at the end of a turn, and in time */

static void pull(struct connection *conn) {
  conn->pull_due = false;
  struct buffer bytes = conn->unread;
  conn->unread = (struct buffer){0};
  if (is_securing(conn))
    conn->transport->ops->feed(conn->transport, bytes.bytes, bytes.length);
  else
    receive(conn, bytes.bytes, bytes.length);
  buffer_free(&bytes);
  connection_update_reading(conn);
}

static void tell_drain(struct connection *conn) {
  conn->drain_due = false;
  if (!connection_is_open(conn)) return;
  conn->endpoint->events->drain(conn->endpoint, conn);
}

static void tell_close(struct connection *conn) {
  struct slice reason = SLICE("");
  if (conn->reason) {
    reason = (struct slice){conn->reason->text, conn->reason->length};
  }
  topics_leave(conn);
  conn->close_due = conn->told_open = false;
  conn->endpoint->events->close(conn->endpoint, conn, conn->close_code, reason);
}

/* Everything queued is with the kernel: FIN, and a moment for the peer's. A
 * client leaves the first FIN to the server (RFC 6455 7.1.1). */
static void finish_ending(struct connection *conn) {
  if (conn->queue.length > 0 || conn->shut_down) return;
  conn->shut_down = true;
  int error =
      conn->is_outgoing ? 0 : conn->transport->ops->shutdown(conn->transport);
  if (error || conn->peer_ended)
    close_transport(conn);
  else
    connection_set_timer(conn, LINGER);
}

/* FIN came while the answer before was on its way, and what came with it waited
 * in `unread`. */
static void end_after_peer(struct connection *conn) {
  if (connection_is_open(conn) && conn->unread.length == 0)
    peer_ended(conn);
  else
    http_end_after_peer(conn);
}

void connection_do_due(struct connection *conn) {
  connection_hold(conn);
  connection_resume(conn, PAUSE_TURN);
  if (conn->pull_due) pull(conn);
  if (conn->peer_ended) end_after_peer(conn);
  answer_ask(conn);
  output_flush(conn);
  answer_flushed(conn);
  if (conn->state == CONNECTION_ENDING) finish_ending(conn);
  if (conn->state >= CONNECTION_ENDING) release_input(conn);
  if (conn->drain_due) tell_drain(conn);
  if (conn->close_due) tell_close(conn);
  connection_drop(conn);
}

static void securing_timed_out(struct connection *conn) {
  static const struct refusal slow = {
      0, "closed: the TLS handshake took too long"};
  if (conn->service->refused) {
    conn->service->refused(conn->service, conn, &slow);
  }
  connection_lose(conn, CLOSE_ABNORMAL);
}

void connection_timed_out(struct connection *conn) {
  connection_hold(conn);
  switch (conn->state) {
  case CONNECTION_PROXY: proxy_timed_out(conn); break;
  case CONNECTION_HTTP:
  case CONNECTION_BODY:
  case CONNECTION_DECIDING:
    if (is_securing(conn))
      securing_timed_out(conn);
    else
      http_timed_out(conn);
    break;
  case CONNECTION_ASKING: opening_timed_out(conn); break;
  case CONNECTION_ANSWERING: answer_timed_out(conn); break;
  case CONNECTION_OPEN: websocket_silent(conn); break;
  default: connection_lose(conn, CLOSE_ABNORMAL); break;
  }
  connection_drop(conn);
}
