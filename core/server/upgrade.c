/*
 * The end of HTTP on a connection: the 101 that makes it a WebSocket's, or the
 * bare bytes that a handler takes over.
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/handshake.h"
#include "proto/http_response.h"

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

bool connection_may_upgrade(const struct connection *conn,
                            const struct http_head *head,
                            struct refusal *refusal) {
  struct question *question = conn->server->question;
  bool is_good = handshake_check(head, refusal);
  if (question && question->head == head) question->is_good = is_good;
  return is_good;
}

/* The head of a good handshake: that of the question, if it is decided at once
 * and was found to be good, or read anew. NULL with the refusal, or without one
 * when there is no head. */
static const struct http_head *good_head(const struct connection *conn,
                                         struct http_head *space,
                                         struct refusal *refusal) {
  const struct question *question = conn->server->question;
  if (question && question->conn == conn && question->is_good) {
    return question->head;
  }
  bool is_good =
      connection_head(conn, space) && handshake_check(space, refusal);
  return is_good ? space : NULL;
}

/* onOpen is told of a connection that the client knows to be open: the 101 goes
 * out first. */
void connection_upgrade(struct connection *conn, struct endpoint *endpoint,
                        struct slice protocol, struct slice headers) {
  struct http_head space;
  struct buffer answer = {0};
  struct refusal refusal = {0};
  if (conn->state != CONNECTION_DECIDING) return;
  const struct http_head *head = good_head(conn, &space, &refusal);
  if (!head) {
    if (refusal.status)
      http_refuse(conn, &refusal);
    else
      connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  agree_on_compression(conn, endpoint, head);
  struct slice key = http_head_get(head, "Sec-WebSocket-Key", 0);
  bool is_whole = write_switch(conn, &answer, key, protocol, headers) &&
                  connection_keep_protocol(conn, protocol);
  output_add_bytes(conn, &answer, is_whole);
  output_flush(conn);
  if (conn->state != CONNECTION_DECIDING) return;
  connection_begin(conn, endpoint, CONNECTION_OPEN);
}

void connection_hand_over(struct connection *conn, struct endpoint *endpoint) {
  if (conn->state != CONNECTION_DECIDING) return;
  connection_begin(conn, endpoint, CONNECTION_RAW);
}
