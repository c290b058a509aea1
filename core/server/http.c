/*
 * A connection before its upgrade, or without one: requests and their answers.
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/handshake.h"
#include "proto/http_body.h"
#include "proto/http_response.h"

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

/* The request is whole: the service is asked, and may answer at once. */
static void ask(struct connection *conn, const struct http_head *head) {
  conn->state = CONNECTION_DECIDING;
  connection_set_timer(conn, 0);
  conn->service->request(conn->service, conn, head);
  if (conn->state != CONNECTION_DECIDING) return;
  connection_set_timer(conn, SERVICE_DECIDE_TIMEOUT);
}

static const struct refusal too_large = {413,
                                         "The body is larger than allowed."};

/* RFC 9110 10.1.1: whoever waits to be told to go on is told so, unless the
 * body is on its way already. */
static bool may_begin_body(struct connection *conn,
                           const struct http_head *head, bool has_come) {
  static const struct refusal unknown = {417, "Expect is not 100-continue."};
  static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
  struct slice expect = http_head_get(head, "Expect", 0);
  if (!expect.at || head->minor == 0) return true;
  if (!slice_equals_nocase(expect, SLICE("100-continue"))) {
    http_refuse(conn, &unknown);
    return false;
  }
  struct payload *payload = has_come ? NULL : payload_new(sizeof go_on - 1);
  if (payload) memcpy(payload->head, go_on, sizeof go_on - 1);
  if (!has_come) output_add(conn, payload);
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
  if (!buffer_append(&conn->unread, bytes + at, length - at)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  /* Upgraded meanwhile: they are frames, and their turn comes. */
  conn->pull_due = conn->told_open;
  if (conn->pull_due) server_mark(conn->server, conn);
  connection_update_reading(conn);
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

struct slice connection_body(const struct connection *conn) {
  return conn->has_body ? http_body_content(conn->in.body) : SLICE("");
}

void http_free_body(struct connection *conn) {
  if (conn->has_body) http_body_free(conn->in.body);
  conn->has_body = false;
}

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
  connection_update_reading(conn);
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

/* A refusal by the core itself: nobody has been asked yet. */
void http_refuse(struct connection *conn, const struct refusal *refusal) {
  struct slice reason = slice_of(refusal->reason);
  if (conn->state > CONNECTION_DECIDING) return;
  if (conn->service->refused) {
    conn->service->refused(conn->service, conn, refusal);
  }
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

static struct payload *as_payload(struct buffer *bytes, bool is_whole) {
  struct payload *payload = is_whole ? payload_new(bytes->length) : NULL;
  if (payload) memcpy(payload->head, bytes->bytes, bytes->length);
  buffer_free(bytes);
  return payload;
}

static struct slice connection_header(const struct connection *conn) {
  if (!conn->is_kept) return SLICE("close");
  return conn->is_http_1_0 ? SLICE("keep-alive") : SLICE("");
}

static bool write_start(struct buffer *answer, int status,
                        struct slice headers) {
  return http_response_start(answer, status) &&
         buffer_append(answer, headers.at, headers.length);
}

static bool write_body(const struct connection *conn, struct buffer *answer,
                       int status, struct slice body) {
  struct slice connection = connection_header(conn);
  if (!http_status_has_body(status)) {
    return http_response_end_empty(answer, connection);
  }
  size_t shown = conn->is_head_request ? 0 : body.length;
  return http_response_end(answer, body.length, connection) &&
         buffer_append(answer, body.at, shown);
}

void connection_answer(struct connection *conn, int status,
                       struct slice headers, struct slice body) {
  struct buffer answer = {0};
  if (conn->state != CONNECTION_DECIDING) return;
  if (conn->server->draining) conn->is_kept = false;
  bool is_whole = write_start(&answer, status, headers) &&
                  write_body(conn, &answer, status, body);
  output_add(conn, as_payload(&answer, is_whole));
  if (conn->state == CONNECTION_DECIDING) http_answered(conn);
}

/* How the client knows where a body ends that is not there yet. */
static bool write_framing(const struct connection *conn, struct buffer *head,
                          int status, uint64_t length) {
  struct slice connection = connection_header(conn);
  bool has_length = length != ANSWER_LENGTH_UNKNOWN;
  if (!http_status_has_body(status) || (conn->is_http_1_0 && !has_length)) {
    return http_response_end_empty(head, connection);
  }
  if (has_length) return http_response_end(head, length, connection);
  return http_response_end_chunked(head, connection);
}

void connection_begin_answer(struct connection *conn, int status,
                             struct slice headers, uint64_t length,
                             struct answer_source *source) {
  struct buffer head = {0};
  bool has_body = http_status_has_body(status) && !conn->is_head_request;
  bool has_length = length != ANSWER_LENGTH_UNKNOWN;
  if (conn->state == CONNECTION_DECIDING) {
    if (conn->server->draining) conn->is_kept = false;
    if (has_body && !has_length && conn->is_http_1_0) conn->is_kept = false;
    bool is_whole = write_start(&head, status, headers) &&
                    write_framing(conn, &head, status, length);
    output_add(conn, as_payload(&head, is_whole));
  }
  if (conn->state == CONNECTION_DECIDING && has_body) {
    answer_start(conn, length, !has_length && !conn->is_http_1_0, source);
    return;
  }
  source->drop(source);
  if (conn->state == CONNECTION_DECIDING) http_answered(conn);
}

/* The terms on which what follows is compressed, or nothing. */
static bool write_extensions(struct buffer *answer,
                             const struct connection *conn) {
  char text[DEFLATE_TERMS_MAX];
  if (!conn->compression) return true;
  size_t length = deflate_write_terms(&conn->compression->terms, text);
  return http_response_header(answer, SLICE("Sec-WebSocket-Extensions"),
                              (struct slice){text, length});
}

static bool write_switch(const struct connection *conn, struct buffer *answer,
                         struct slice key, struct slice protocol,
                         struct slice headers) {
  char accept[HANDSHAKE_ACCEPT_SIZE];
  struct slice accept_value = {accept, sizeof accept};
  if (handshake_accept(key, accept)) return false;
  return http_response_start(answer, 101) &&
         buffer_append_text(answer,
                            "Upgrade: websocket\r\nConnection: Upgrade\r\n") &&
         http_response_header(answer, SLICE("Sec-WebSocket-Accept"),
                              accept_value) &&
         (protocol.length == 0 ||
          http_response_header(answer, SLICE("Sec-WebSocket-Protocol"),
                               protocol)) &&
         write_extensions(answer, conn) &&
         buffer_append(answer, headers.at, headers.length) &&
         buffer_append(answer, "\r\n", 2);
}

/* Behind the head, in the same block: most connections have none. */
bool connection_keep_protocol(struct connection *conn, struct slice protocol) {
  if (protocol.length == 0) return true;
  char *head = mem_resize(conn->head, conn->head_length + protocol.length + 1);
  if (!head) return false;
  memcpy(head + conn->head_length, protocol.at, protocol.length);
  head[conn->head_length + protocol.length] = '\0';
  conn->head = head;
  conn->has_protocol = true;
  return true;
}

/* Without memory it goes on without compression. */
static void agree_on_compression(struct connection *conn,
                                 const struct endpoint *endpoint,
                                 const struct http_head *head) {
  const struct deflate_settings *settings = &endpoint->limits.deflate;
  struct deflate_terms terms;
  if (!deflate_accept(head, settings, &terms)) return;
  conn->compression = compression_get(&conn->server->compressions, settings,
                                      &terms, READER_SERVER);
}

void connection_upgrade(struct connection *conn, struct endpoint *endpoint,
                        struct slice protocol, struct slice headers) {
  struct http_head head;
  struct buffer answer = {0};
  struct refusal refusal;
  if (conn->state != CONNECTION_DECIDING) return;
  if (connection_head(conn, &head) && !handshake_check(&head, &refusal)) {
    http_refuse(conn, &refusal);
    return;
  }
  bool is_whole =
      connection_keep_protocol(conn, protocol) && connection_head(conn, &head);
  if (is_whole) {
    agree_on_compression(conn, endpoint, &head);
    is_whole = write_switch(conn, &answer,
                            http_head_get(&head, "Sec-WebSocket-Key", 0),
                            protocol, headers);
  }
  output_add(conn, as_payload(&answer, is_whole));
  /* onOpen is told of a connection that the client knows to be open. */
  output_flush(conn);
  if (conn->state != CONNECTION_DECIDING) return;
  connection_begin(conn, endpoint, CONNECTION_OPEN);
}

void connection_hand_over(struct connection *conn, struct endpoint *endpoint) {
  if (conn->state != CONNECTION_DECIDING) return;
  connection_begin(conn, endpoint, CONNECTION_RAW);
}
