/*
 * A connection after its upgrade: what the reader finds, and the keep-alive.
 */
#include "base/log.h"
#include "internal.h"
#include "proto/framed.h"
#include "proto/lesson.h"

/* Between 9/10 and 10/10 of the time: connections that opened together do not
 * ping together for ever. */
static uint64_t jittered(const struct connection *conn, uint64_t delay) {
  uint64_t mixed = (conn->id + conn->heard) * 0x9E3779B97F4A7C15u >> 32;
  return delay - delay / 10 * (mixed % 1024) / 1024;
}

void websocket_begin(struct connection *conn) {
  const struct limits *limits = &conn->endpoint->limits;
  conn->has_reader = true;
  reader_init(&conn->in.reader,
              conn->is_outgoing ? READER_CLIENT : READER_SERVER,
              limits->max_message_size);
  if (conn->compression) {
    reader_inflate_with(&conn->in.reader, conn->compression->inflater);
  }
  connection_set_timer(conn, jittered(conn, limits->keep_alive));
}

static void send_ping(struct connection *conn) {
  output_add(conn, framed_copy(OP_PING, NULL, 0));
  if (conn->state != CONNECTION_OPEN) return;
  connection_set_timer(conn, conn->endpoint->limits.keep_alive);
}

/* Any byte is life. A connection that the app has paused is not read, so its
 * silence is ours; a ping still finds out whether the peer's system is there.
 */
void websocket_silent(struct connection *conn) {
  uint64_t keep_alive = conn->endpoint->limits.keep_alive;
  uint64_t silent =
      (uint64_t)(connection_tick(conn) - conn->heard) * WHEEL_TICK;
  if (conn->paused & (PAUSE_ASKED | PAUSE_BUSY)) {
    conn->pinged = false;
    send_ping(conn);
  } else if (conn->pinged) {
    connection_lose(conn, CLOSE_ABNORMAL);
  } else if (silent + WHEEL_TICK < keep_alive - keep_alive / 10) {
    connection_set_timer(conn, jittered(conn, keep_alive) - silent);
  } else {
    conn->pinged = true;
    send_ping(conn);
  }
}

static void log_failure(const struct connection *conn, int code,
                        const char *reason) {
  char address[ADDRESS_TEXT_MAX];
  if (!log_is_on(LOG_INFO)) return;
  address_format(connection_client(conn), address);
  log_printf(LOG_INFO, "%d to %s: %s%s%s", code, address, reason,
             lesson_joint(reason), lesson_of(reason));
}

void websocket_fail(struct connection *conn, int code, const char *reason) {
  struct slice text = slice_of(reason);
  log_failure(conn, code, reason);
  if (conn->state == CONNECTION_OPEN) {
    output_add(conn, framed_close(code, text.at, text.length));
  }
  connection_note_close(conn, code, text);
  connection_end(conn);
}

/* RFC 6455 5.5.3: while output is stuck, only the latest ping is answered. */
static void answer_ping(struct connection *conn,
                        const struct reader_event *ping) {
  struct payload *pong = framed_copy(OP_PONG, ping->data, ping->length);
  if (!pong || !conn->writing) {
    output_add(conn, pong);
    return;
  }
  if (conn->late_pong) payload_drop(conn->late_pong);
  conn->late_pong = pong;
}

static void tell_control(struct connection *conn, enum opcode opcode,
                         const struct reader_event *event) {
  struct slice data = {(const char *)event->data, event->length};
  if (conn->state != CONNECTION_OPEN) return;
  conn->endpoint->events->control(conn->endpoint, conn, opcode, data);
}

enum { INFLATED_SHARE = 512 * 1024 /* bytes of one connection in a turn */ };

/* One piece of input on its way through the reader: what the reader said last,
 * and whether that still is to be handled. */
struct pull {
  struct connection *conn;
  enum reader_result result;
  struct reader_event event;
  size_t inflated; /* bytes of its messages so far */
  bool is_taken;
};

/* A few bytes may have much in them: who sends such waits for the next turn, as
 * does who sends many bytes. */
static void count_inflated(struct connection *conn, size_t length) {
  struct pull *pull = conn->server->pull;
  if (pull) pull->inflated += length;
  if (!pull || pull->inflated < INFLATED_SHARE) return;
  connection_pause(conn, PAUSE_TURN);
  list_remove(&conn->in_due);
  server_mark_later(conn->server, conn);
}

static void tell_message(struct connection *conn, bool is_binary,
                         const struct reader_event *event) {
  struct slice message = {(const char *)event->data, event->length};
  if (conn->state != CONNECTION_OPEN) return; /* we have said goodbye */
  if (conn->compression) count_inflated(conn, message.length);
  conn->endpoint->events->message(conn->endpoint, conn, message, is_binary);
}

/* RFC 6455 5.5.1: the peer's code is sent back; without one, 1000. */
static void peer_closes(struct connection *conn,
                        const struct reader_event *event) {
  struct slice reason = {(const char *)event->data, event->length};
  connection_note_close(conn, event->code, reason);
  if (conn->state == CONNECTION_OPEN) {
    bool has_code = event->code != CLOSE_NO_STATUS;
    int code = has_code ? event->code : CLOSE_NORMAL;
    output_add(conn, framed_close(code, reason.at, reason.length));
  }
  connection_end(conn);
}

static void handle(struct connection *conn, enum reader_result result,
                   const struct reader_event *event) {
  switch (result) {
  case READER_TEXT: tell_message(conn, false, event); break;
  case READER_BINARY: tell_message(conn, true, event); break;
  case READER_PING:
    if (conn->state == CONNECTION_OPEN) answer_ping(conn, event);
    tell_control(conn, OP_PING, event);
    break;
  case READER_PONG: tell_control(conn, OP_PONG, event); break;
  case READER_CLOSE: peer_closes(conn, event); break;
  case READER_VIOLATION:
    websocket_fail(conn, event->code, event->reason);
    break;
  case READER_NO_MEMORY:
    websocket_fail(conn, CLOSE_INTERNAL_ERROR, "out of memory");
    break;
  case READER_NEED_MORE: break;
  }
}

static bool may_deliver(const struct connection *conn) {
  return (conn->state == CONNECTION_OPEN && !conn->paused) ||
         conn->state == CONNECTION_CLOSING;
}

/* False when there is no more, or nothing more may be delivered. */
static bool pull_next(struct connection *conn, struct pull *pull) {
  if (!may_deliver(conn)) return false;
  if (!pull->is_taken) return true;
  pull->result = reader_next(&conn->in.reader, &pull->event);
  pull->is_taken = pull->result == READER_NEED_MORE;
  return !pull->is_taken;
}

bool connection_take_message(struct connection *conn, struct slice *message,
                             bool *is_binary) {
  struct pull *pull = conn->server->pull;
  if (!pull || pull->conn != conn || conn->state != CONNECTION_OPEN) {
    return false;
  }
  if (!pull_next(conn, pull)) return false;
  if (pull->result != READER_TEXT && pull->result != READER_BINARY) {
    return false;
  }
  *message = (struct slice){(const char *)pull->event.data, pull->event.length};
  *is_binary = pull->result == READER_BINARY;
  pull->is_taken = true;
  if (conn->compression) count_inflated(conn, message->length);
  return true;
}

/* What may not be delivered now waits in `unread`. */
static void keep_rest(struct connection *conn) {
  const uint8_t *unused;
  if (conn->state != CONNECTION_OPEN) return;
  size_t left = reader_unused(&conn->in.reader, &unused);
  if (left == 0) return;
  input_keep(conn, unused, left);
  reader_drop_unused(&conn->in.reader);
}

/* A handler may pause, close or terminate: that is looked at before each
 * event. */
void websocket_receive(struct connection *conn, uint8_t *bytes, size_t length) {
  struct pull pull = {.conn = conn, .is_taken = true};
  reader_feed(&conn->in.reader, bytes, length);
  conn->server->pull = &pull;
  while (pull_next(conn, &pull)) {
    pull.is_taken = true;
    handle(conn, pull.result, &pull.event);
  }
  conn->server->pull = NULL;
  if (!pull.is_taken && conn->state == CONNECTION_OPEN) {
    handle(conn, pull.result, &pull.event);
  }
  keep_rest(conn);
}
