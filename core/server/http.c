/*
 * A connection before its upgrade: the head of one request, and its answer.
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/handshake.h"
#include "proto/http_response.h"

#define PLAIN_TEXT "Content-Type: text/plain; charset=utf-8\r\n"

/* Everything up to the blank line is kept for the connection's life, as bytes:
 * an app may ask for the request much later, and most never do. */
static bool keep_head(struct connection *conn, const char *bytes,
                      size_t length) {
  conn->head = mem_alloc(length);
  if (!conn->head) return false;
  memcpy(conn->head, bytes, length);
  conn->head_length = (uint32_t)length;
  return true;
}

bool connection_head(const struct connection *conn, struct http_head *head) {
  struct refusal refusal;
  return conn->head &&
         http_head_parse(head, conn->head, conn->head_length, &refusal);
}

/* The request goes to the service; what came behind its head is kept until the
 * decision, which may well be there when the call returns. */
static void decide(struct connection *conn, const char *bytes, size_t length) {
  struct http_head head;
  struct refusal refusal = {0};
  if (!keep_head(conn, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  if (!http_head_parse(&head, conn->head, conn->head_length, &refusal)) {
    http_refuse(conn, &refusal);
    return;
  }
  conn->state = CONNECTION_DECIDING;
  conn->is_head_request = slice_equals(head.method, SLICE("HEAD"));
  connection_set_timer(conn, 0);
  connection_update_reading(conn);
  conn->service->request(conn->service, conn, &head);
}

static void receive_whole(struct connection *conn, uint8_t *bytes,
                          size_t length, size_t head_length) {
  struct buffer unread = {0};
  size_t rest = length - head_length;
  if (!buffer_append(&unread, bytes + head_length, rest)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  conn->unread = unread;
  decide(conn, (const char *)bytes, head_length);
}

void http_receive(struct connection *conn, uint8_t *bytes, size_t length) {
  struct refusal refusal = {0};
  struct buffer gathered = conn->unread;
  if (gathered.length > 0) {
    if (!buffer_append(&conn->unread, bytes, length)) {
      connection_lose(conn, CLOSE_ABNORMAL);
      return;
    }
    gathered = conn->unread;
    bytes = gathered.bytes;
    length = gathered.length;
  }
  size_t head_length = http_scan(&conn->in.scan, (const char *)bytes, length,
                                 conn->service->max_header_size, &refusal);
  if (refusal.status) {
    http_refuse(conn, &refusal);
  } else if (head_length > 0) {
    conn->unread = (struct buffer){0};
    receive_whole(conn, bytes, length, head_length);
    buffer_free(&gathered);
  } else if (gathered.length == 0) {
    if (!buffer_append(&conn->unread, bytes, length)) {
      connection_lose(conn, CLOSE_ABNORMAL);
    }
  }
}

/* A refusal by the core itself: nobody has been asked yet. */
void http_refuse(struct connection *conn, const struct refusal *refusal) {
  struct slice reason = slice_of(refusal->reason);
  if (conn->service->refused) {
    conn->service->refused(conn->service, conn, refusal);
  }
  conn->state = CONNECTION_DECIDING;
  connection_answer(conn, refusal->status,
                    refusal->status == 503
                        ? SLICE(PLAIN_TEXT "Retry-After: 5\r\n")
                        : SLICE(PLAIN_TEXT),
                    reason);
}

static struct payload *as_payload(struct buffer *bytes, bool is_whole) {
  struct payload *payload = is_whole ? payload_new(bytes->length) : NULL;
  if (payload) memcpy(payload->head, bytes->bytes, bytes->length);
  buffer_free(bytes);
  return payload;
}

static bool write_body(const struct connection *conn, struct buffer *answer,
                       int status, struct slice body) {
  if (!http_status_has_body(status)) return http_response_end_empty(answer);
  size_t shown = conn->is_head_request ? 0 : body.length;
  return http_response_end(answer, body.length) &&
         buffer_append(answer, body.at, shown);
}

void connection_answer(struct connection *conn, int status,
                       struct slice headers, struct slice body) {
  struct buffer answer = {0};
  if (conn->state != CONNECTION_DECIDING) return;
  bool is_whole = http_response_start(&answer, status) &&
                  buffer_append(&answer, headers.at, headers.length) &&
                  write_body(conn, &answer, status, body);
  output_add(conn, as_payload(&answer, is_whole));
  connection_end(conn);
}

static bool write_switch(struct buffer *answer, struct slice key,
                         struct slice protocol, struct slice headers) {
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
         buffer_append(answer, headers.at, headers.length) &&
         buffer_append(answer, "\r\n", 2);
}

/* Behind the head, in the same block: most connections have none. */
static bool keep_protocol(struct connection *conn, struct slice protocol) {
  if (protocol.length == 0) return true;
  char *head = mem_resize(conn->head, conn->head_length + protocol.length + 1);
  if (!head) return false;
  memcpy(head + conn->head_length, protocol.at, protocol.length);
  head[conn->head_length + protocol.length] = '\0';
  conn->head = head;
  conn->has_protocol = true;
  return true;
}

void connection_upgrade(struct connection *conn, struct endpoint *endpoint,
                        struct slice protocol, struct slice headers) {
  struct http_head head;
  struct buffer answer = {0};
  if (conn->state != CONNECTION_DECIDING) return;
  bool is_whole =
      keep_protocol(conn, protocol) && connection_head(conn, &head) &&
      write_switch(&answer, http_head_get(&head, "Sec-WebSocket-Key", 0),
                   protocol, headers);
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
