/*
 * The life of a connection: accepted, begun, closed, freed; and what is due on
 * it at the end of a turn, or in time.
 */
#include "connection.h"

#include "base/mem.h"
#include "internal.h"
#include "proto/framed.h"

/* ---- its end */

void connection_set_timer(struct connection *conn, uint64_t delay) {
  struct wheel *wheel = &conn->server->wheel;
  if (delay > 0)
    wheel_start(wheel, &conn->timer, delay);
  else
    wheel_stop(wheel, &conn->timer);
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

void connection_wait_for_end(struct connection *conn) {
  const struct limits *limits =
      conn->endpoint ? &conn->endpoint->limits : &limits_default;
  connection_set_timer(conn, limits->close_timeout);
}

void connection_end(struct connection *conn) {
  if (conn->state >= CONNECTION_ENDING) return;
  conn->state = CONNECTION_ENDING;
  input_update(conn);
  connection_wait_for_end(conn);
  server_mark(conn->server, conn);
}

void connection_close_transport(struct connection *conn) {
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
  connection_close_transport(conn);
}

void connection_note_refusal(struct connection *conn,
                             const struct refusal *refusal) {
  struct service *service = conn->service;
  if (service->refused) service->refused(service, conn, refusal);
}

void connection_lose_for(struct connection *conn, const char *reason) {
  struct refusal refusal = {0, reason};
  connection_note_refusal(conn, &refusal);
  connection_lose(conn, CLOSE_ABNORMAL);
}

void connection_terminate(struct connection *conn) {
  connection_lose(conn, CLOSE_ABNORMAL);
}

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
  input_update(conn);
}

void connection_free(struct connection *conn) {
  struct server *server = conn->server;
  list_remove(&conn->in_server);
  list_remove(&conn->in_due);
  send_queue_clear(&conn->queue);
  if (conn->late_pong) payload_drop(conn->late_pong);
  input_free(conn);
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

/* ---- its beginning */

struct connection *connection_accept(struct server *server,
                                     struct service *service,
                                     struct transport *transport,
                                     const struct address *peer) {
  struct connection *conn = mem_alloc_zeroed(1, sizeof *conn);
  if (!conn) {
    transport->ops->close(transport);
    return NULL;
  }
  conn->server = server;
  conn->service = service;
  conn->id = ++server->last_id;
  conn->state = CONNECTION_HTTP;
  conn->peer = *peer;
  conn->is_secure = transport->ops->describe != NULL;
  connection_heard(conn);
  wheel_entry_init(&conn->timer);
  list_init(&conn->in_due);
  list_init(&conn->in_server);
  list_append(&server->connections, &conn->in_server);
  server->count++;
  input_take_transport(conn, transport);
  return conn;
}

void connection_serve(struct connection *conn) {
  conn->state = CONNECTION_HTTP;
  if (conn->service->secure && !securing_begin(conn)) return;
  if (conn->service->raw && !conn->is_secure)
    connection_begin(conn, conn->service->raw, CONNECTION_RAW);
  else
    input_update(conn);
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
  input_update(conn);
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
  input_update(conn);
  connection_drop(conn);
}

bool connection_describe(const struct connection *conn,
                         struct transport_secrecy *secrecy) {
  if (!conn->is_secure || !conn->transport) return false;
  conn->transport->ops->describe(conn->transport, secrecy);
  return true;
}

/* ---- what is due at the end of a turn, and in time */

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

/* How long the peer's FIN is waited for after ours. Who has only had an answer
 * gets a moment; who had messages, as long as for its close frame: the way to
 * it may be a proxy that still has them. */
static uint64_t linger(const struct connection *conn) {
  if (!conn->endpoint || conn->is_outgoing) return CONNECTION_LINGER;
  uint64_t patience = conn->endpoint->limits.close_timeout;
  return patience > CONNECTION_LINGER ? patience : CONNECTION_LINGER;
}

/* Everything queued is with the kernel: FIN, and time for the peer's. A client
 * leaves the first FIN to the server (RFC 6455 7.1.1). */
static void finish_ending(struct connection *conn) {
  if (conn->queue.length > 0 || conn->shut_down) return;
  conn->shut_down = true;
  int error =
      conn->is_outgoing ? 0 : conn->transport->ops->shutdown(conn->transport);
  if (error || conn->peer_ended) {
    connection_close_transport(conn);
    return;
  }
  input_free(conn);
  conn->in.untaken = SIZE_MAX;
  connection_set_timer(conn, linger(conn));
}

/* What the peer sends until its own FIN is thrown away: a closed socket would
 * answer it by RST, which destroys what the kernel still has for the peer. So a
 * slow one is waited for as long as it takes some of that each time. */
static void ending_timed_out(struct connection *conn) {
  size_t left =
      conn->shut_down ? conn->transport->ops->untaken(conn->transport) : 0;
  if (left == 0 || left >= conn->in.untaken) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  conn->in.untaken = left;
  connection_wait_for_end(conn);
}

/* Its close frame may lie behind what it still takes. */
static void closing_timed_out(struct connection *conn) {
  if (conn->queue.length > 0 ||
      conn->transport->ops->untaken(conn->transport) == 0) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  connection_note_close(conn, CLOSE_ABNORMAL, SLICE(""));
  connection_end(conn);
}

void connection_do_due(struct connection *conn) {
  connection_hold(conn);
  if (conn->paused) connection_resume(conn, PAUSE_TURN);
  if (conn->pull_due) input_pull(conn);
  if (conn->peer_ended) input_end(conn);
  answer_ask(conn);
  output_flush(conn);
  answer_flushed(conn);
  if (conn->state == CONNECTION_ENDING) finish_ending(conn);
  if (conn->state >= CONNECTION_ENDING) input_free(conn);
  if (conn->drain_due) tell_drain(conn);
  if (conn->close_due) tell_close(conn);
  connection_drop(conn);
}

void connection_timed_out(struct connection *conn) {
  connection_hold(conn);
  switch (conn->state) {
  case CONNECTION_PROXY: proxy_timed_out(conn); break;
  case CONNECTION_HTTP:
  case CONNECTION_BODY:
  case CONNECTION_DECIDING:
    if (securing_is_under_way(conn))
      securing_timed_out(conn);
    else
      http_timed_out(conn);
    break;
  case CONNECTION_ASKING: opening_timed_out(conn); break;
  case CONNECTION_ANSWERING: answer_timed_out(conn); break;
  case CONNECTION_OPEN: websocket_silent(conn); break;
  case CONNECTION_CLOSING: closing_timed_out(conn); break;
  case CONNECTION_ENDING: ending_timed_out(conn); break;
  default: connection_lose(conn, CLOSE_ABNORMAL); break;
  }
  connection_drop(conn);
}
