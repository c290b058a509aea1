/*
 * The answer to a request: all at once, or a head and then a body that comes
 * piece by piece, from a source that is asked for the next one when the peer
 * has taken most of those before.
 *
 *   begin --> wanting --next--> asked --add_piece--> wanting ... --end--> HTTP
 *                                 '------ too long, failed ------> CLOSED
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/http_response.h"

enum { PIECES_A_TURN = 64 };

/* Owned by its connection, from begin to the last piece; owns the source. */
struct answer {
  struct answer_source *source;
  uint64_t left; /* bytes to come, or ANSWER_LENGTH_UNKNOWN */
  uint32_t turn; /* of the server, in which it was last asked */
  bool is_chunked;
  bool is_asked; /* the next piece is on its way */
};

/* ---- at once */

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
  output_add_bytes(conn, &answer, is_whole);
  if (conn->state == CONNECTION_DECIDING) http_answered(conn);
}

/* ---- piece by piece: its beginning and its end */

static void start(struct connection *conn, uint64_t length, bool is_chunked,
                  struct answer_source *source) {
  struct answer *answer = mem_alloc(sizeof *answer);
  if (!answer) {
    source->drop(source);
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  *answer = (struct answer){
      .source = source,
      .left = length,
      .turn = conn->server->turn - 1,
      .is_chunked = is_chunked,
  };
  http_free_body(conn);
  conn->in.answer = answer;
  conn->has_answer = true;
  conn->state = CONNECTION_ANSWERING;
  connection_set_timer(conn, 0);
  server_mark(conn->server, conn);
  input_update(conn);
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
    output_add_bytes(conn, &head, is_whole);
  }
  if (conn->state == CONNECTION_DECIDING && has_body) {
    start(conn, length, !has_length && !conn->is_http_1_0, source);
    return;
  }
  source->drop(source);
  if (conn->state == CONNECTION_DECIDING) http_answered(conn);
}

void answer_free(struct connection *conn) {
  if (!conn->has_answer) return;
  struct answer *answer = conn->in.answer;
  conn->has_answer = false;
  conn->in.answer = NULL;
  answer->source->drop(answer->source);
  mem_free(answer);
}

bool connection_end_answer(struct connection *conn) {
  if (conn->state != CONNECTION_ANSWERING) return true;
  struct answer *answer = conn->in.answer;
  if (answer->left != ANSWER_LENGTH_UNKNOWN && answer->left > 0) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  bool is_chunked = answer->is_chunked;
  answer_free(conn);
  if (is_chunked) output_add(conn, payload_copy(SLICE(HTTP_LAST_CHUNK)));
  if (conn->state == CONNECTION_ANSWERING) http_answered(conn);
  return true;
}

void connection_fail_answer(struct connection *conn) {
  if (conn->state == CONNECTION_ANSWERING)
    connection_lose(conn, CLOSE_ABNORMAL);
}

void answer_timed_out(struct connection *conn) {
  connection_lose_for(conn,
                      "the client took nothing of its answer for too long");
}

/* ---- its pieces */

static bool is_wanting(const struct connection *conn) {
  return conn->state == CONNECTION_ANSWERING && conn->has_answer &&
         !conn->in.answer->is_asked && output_is_low(conn);
}

/* A source that always has a piece at hand, and a peer that takes all of them,
 * must not keep everybody else waiting: so many in one turn. */
void answer_ask(struct connection *conn) {
  if (!is_wanting(conn) || conn->in.answer->turn == conn->server->turn) return;
  conn->in.answer->turn = conn->server->turn;
  for (int i = 0; i < PIECES_A_TURN && is_wanting(conn); i++) {
    struct answer_source *source = conn->in.answer->source;
    conn->in.answer->is_asked = true;
    source->next(source, conn);
  }
}

/* The deadline is the peer's, and runs while it is offered something; also when
 * it has sent FIN: most who do have left, and only sending to them would tell.
 */
void answer_flushed(struct connection *conn) {
  if (conn->state != CONNECTION_ANSWERING) return;
  if (!conn->writing && !conn->peer_ended)
    connection_set_timer(conn, 0);
  else if (list_is_empty(&conn->timer.link))
    connection_set_timer(conn, SERVICE_TAKE_TIMEOUT);
  if (is_wanting(conn)) server_mark_later(conn->server, conn);
}

/* The piece as it goes out. NULL when there is no memory. */
static struct payload *framed(struct slice piece, bool is_chunked) {
  char size[HTTP_CHUNK_SIZE_MAX];
  size_t before = is_chunked ? http_chunk_size(size, piece.length) : 0;
  size_t after = is_chunked ? 2 : 0;
  struct payload *payload = payload_new(before + piece.length + after);
  if (!payload) return NULL;
  memcpy(payload->head, size, before);
  memcpy(payload->head + before, piece.at, piece.length);
  memcpy(payload->head + before + piece.length, "\r\n", after);
  return payload;
}

bool connection_add_piece(struct connection *conn, struct slice piece) {
  if (conn->state != CONNECTION_ANSWERING) return true;
  struct answer *answer = conn->in.answer;
  answer->is_asked = false;
  server_mark(conn->server, conn);
  if (piece.length == 0) return true; /* in chunks, it would be the end */
  if (piece.length > answer->left) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  if (answer->left != ANSWER_LENGTH_UNKNOWN) answer->left -= piece.length;
  if (!conn->writing) connection_set_timer(conn, 0); /* it took the last one */
  output_add(conn, framed(piece, answer->is_chunked));
  return true;
}
