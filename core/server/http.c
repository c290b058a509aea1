/*
 * A connection that asks: requests are read, one after the other, and given to
 * the service when they are whole; what nobody needs to be asked about is
 * refused here.
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/handshake.h"
#include "proto/http_body.h"

#define PLAIN_TEXT "Content-Type: text/plain; charset=utf-8\r\n"

/* Everything up to the blank line is kept for the connection's life, as bytes:
 * an app may ask for the request much later, and most never do. */
bool connection_keep_head(struct connection *conn, const char *bytes,
                          size_t length) {
  conn->head = mem_alloc(length);
  if (!conn->head) return false;
  memcpy(conn->head, bytes, length);
  conn->head_length = (uint32_t)length;
  return true;
}

bool connection_head(const struct connection *conn, struct http_head *head) {
  struct refusal refusal;
  return conn->head && !conn->is_outgoing &&
         http_head_parse(head, conn->head, conn->head_length, &refusal);
}

struct slice connection_body(const struct connection *conn) {
  return conn->has_body ? http_body_content(conn->in.body) : SLICE("");
}

void http_free_body(struct connection *conn) {
  if (conn->has_body) http_body_free(conn->in.body);
  conn->has_body = false;
}

/* The request is whole: the service is asked, and may answer at once. */
static void ask(struct connection *conn, const struct http_head *head) {
  struct question question = {.conn = conn, .head = head};
  struct question *before = conn->server->question;
  conn->state = CONNECTION_DECIDING;
  connection_set_timer(conn, 0);
  conn->server->question = &question;
  conn->service->request(conn->service, conn, head);
  conn->server->question = before;
  if (conn->state != CONNECTION_DECIDING) return;
  connection_set_timer(conn, SERVICE_DECIDE_TIMEOUT);
}

/* ---- what comes */

static const struct refusal too_large = {413,
                                         "The body is larger than allowed."};

/* RFC 9110 10.1.1: whoever waits to be told to go on is told so, unless the
 * body is on its way already. */
static bool may_begin_body(struct connection *conn,
                           const struct http_head *head, bool has_come) {
  static const struct refusal unknown = {417, "Expect is not 100-continue."};
  struct slice expect = http_head_get(head, "Expect", 0);
  if (!expect.at || head->minor == 0) return true;
  if (!slice_equals_nocase(expect, SLICE("100-continue"))) {
    http_refuse(conn, &unknown);
    return false;
  }
  if (!has_come) {
    output_add(conn, payload_copy(SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
  }
  return conn->state == CONNECTION_HTTP;
}

static void begin_body(struct connection *conn, const struct http_head *head,
                       bool has_come) {
  size_t limit = conn->service->max_body_size;
  if (head->length > limit) {
    http_refuse(conn, &too_large);
    return;
  }
  if (!may_begin_body(conn, head, has_come)) return;
  conn->in.body = http_body_new(head, limit);
  if (!conn->in.body) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  conn->has_body = true;
  conn->state = CONNECTION_BODY;
  connection_set_timer(conn, SERVICE_BODY_TIMEOUT);
}

/* Would what follows be the body, or frames? */
static const struct refusal two_in_one = {400,
                                          "A WebSocket handshake has no body."};

/* Known before the rest is judged: a refusal of it has no body either. One
 * empty line may stand before it. */
static bool is_for_head(const char *bytes, size_t length) {
  size_t at = length > 0 && bytes[0] == '\r' ? 2 : 0;
  return length >= at + 5 && memcmp(bytes + at, "HEAD ", 5) == 0;
}

static void receive_head(struct connection *conn, const char *bytes,
                         size_t length, bool has_more) {
  struct http_head head;
  struct refusal refusal = {0};
  conn->is_head_request = is_for_head(bytes, length);
  if (!connection_keep_head(conn, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  if (!http_head_parse(&head, conn->head, conn->head_length, &refusal)) {
    http_refuse(conn, &refusal);
    return;
  }
  if (!proxy_read_client(conn, &head)) return;
  bool is_upgrade = handshake_is_wanted(&head);
  if (is_upgrade && http_head_has_body(&head)) {
    http_refuse(conn, &two_in_one);
    return;
  }
  conn->is_http_1_0 = head.minor == 0;
  conn->is_kept = head.keep_alive && !is_upgrade;
  if (http_head_has_body(&head)) {
    begin_body(conn, &head, has_more);
  } else {
    ask(conn, &head);
  }
}

/* Returns how many of the bytes belong to the body. */
static size_t receive_body(struct connection *conn, const char *bytes,
                           size_t length) {
  static const struct refusal malformed = {400, "The chunks are malformed."};
  struct http_head head;
  size_t used;
  switch (http_body_feed(conn->in.body, bytes, length, &used)) {
  case HTTP_BODY_UNFINISHED: break;
  case HTTP_BODY_TOO_LARGE: http_refuse(conn, &too_large); break;
  case HTTP_BODY_MALFORMED: http_refuse(conn, &malformed); break;
  case HTTP_BODY_NO_MEMORY: connection_lose(conn, CLOSE_ABNORMAL); break;
  case HTTP_BODY_WHOLE:
    if (connection_head(conn, &head)) ask(conn, &head);
    break;
  }
  return used;
}

/* The next head or piece of a body among the bytes; returns how many it took.
 * 0: more of them is needed first. */
static size_t receive_next(struct connection *conn, const char *bytes,
                           size_t length) {
  struct refusal refusal = {0};
  if (conn->state == CONNECTION_BODY) return receive_body(conn, bytes, length);
  size_t head_length = http_scan(&conn->in.scan, bytes, length,
                                 conn->service->max_header_size, &refusal);
  if (refusal.status) {
    http_refuse(conn, &refusal);
    return length;
  }
  if (head_length > 0) {
    receive_head(conn, bytes, head_length, head_length < length);
  }
  return head_length;
}

static bool is_receiving(const struct connection *conn) {
  bool is_ours =
      conn->state == CONNECTION_HTTP || conn->state == CONNECTION_BODY;
  return is_ours && !conn->paused;
}

/* One request after the other, as long as each is answered at once; what is
 * left waits in `unread`. */
static void receive_all(struct connection *conn, const char *bytes,
                        size_t length) {
  size_t at = 0;
  while (at < length && is_receiving(conn)) {
    size_t used = receive_next(conn, bytes + at, length - at);
    if (used == 0) break;
    at += used;
  }
  if (at == length || conn->state >= CONNECTION_ENDING) return;
  input_keep(conn, (const uint8_t *)bytes + at, length - at);
  /* Upgraded meanwhile: they are frames, and their turn comes. */
  conn->pull_due = conn->told_open;
  if (conn->pull_due) server_mark(conn->server, conn);
}

void http_receive(struct connection *conn, uint8_t *bytes, size_t length) {
  if (conn->unread.length == 0) {
    receive_all(conn, (const char *)bytes, length);
    return;
  }
  if (!buffer_append(&conn->unread, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  struct buffer gathered = conn->unread;
  conn->unread = (struct buffer){0};
  receive_all(conn, (const char *)gathered.bytes, gathered.length);
  buffer_free(&gathered);
}

/* ---- what is next */

/* The next request of the same client (RFC 9112 9.3). */
static void restart(struct connection *conn) {
  http_free_body(conn);
  proxy_forget_client(conn);
  mem_free(conn->head);
  conn->head = NULL;
  conn->head_length = 0;
  conn->is_head_request = false;
  conn->in.scan = (struct http_scan){0};
  conn->state = CONNECTION_HTTP;
  conn->has_answered = true;
  connection_set_timer(conn, conn->service->header_timeout);
  conn->pull_due = conn->unread.length > 0 && !conn->paused;
  server_mark(conn->server, conn);
  input_update(conn);
}

void http_end_after_peer(struct connection *conn) {
  if (is_receiving(conn) && !conn->pull_due) connection_end(conn);
}

void http_answered(struct connection *conn) {
  if (conn->server->draining) conn->is_kept = false;
  if (conn->is_kept)
    restart(conn);
  else
    connection_end(conn);
}

/* ---- refusals: nobody has been asked yet, or nobody has answered */

/* A refusal by the core itself: nobody has been asked yet. */
void http_refuse(struct connection *conn, const struct refusal *refusal) {
  struct slice reason = slice_of(refusal->reason);
  if (conn->state > CONNECTION_DECIDING) return;
  connection_note_refusal(conn, refusal);
  conn->state = CONNECTION_DECIDING;
  conn->is_kept = false;
  connection_answer(conn, refusal->status,
                    refusal->status == 503 || refusal->status == 429
                        ? SLICE(PLAIN_TEXT "Retry-After: 5\r\n")
                        : SLICE(PLAIN_TEXT),
                    reason);
}

/* The answer is with the kernel when the transport is closed: it goes out
 * unless the peer's own bytes cross it. */
void http_refuse_abruptly(struct connection *conn,
                          const struct refusal *refusal) {
  connection_hold(conn);
  http_refuse(conn, refusal);
  output_flush(conn);
  connection_terminate(conn);
  connection_drop(conn);
}

/* Between two requests a client may be silent: that is no fault of its. */
void http_timed_out(struct connection *conn) {
  static const struct refusal slow = {408, "The request took too long."};
  static const struct refusal late = {503, "The app did not answer in time."};
  if (conn->state == CONNECTION_DECIDING) {
    http_refuse(conn, &late);
    return;
  }
  bool is_between = conn->state == CONNECTION_HTTP && conn->has_answered &&
                    conn->unread.length == 0;
  if (is_between)
    connection_end(conn);
  else
    http_refuse(conn, &slow);
}
