/*
 * A connection that goes out, before it is open: the handshake is sent, and the
 * answer awaited (RFC 6455 4.1).
 *
 *   ASKING --101--> OPEN
 *      '--another answer, its body--> told, CLOSED
 */
#include "opening.h"

#include "base/mem.h"
#include "internal.h"
#include "proto/http_body.h"

enum { INTERIM_MAX = 10 }; /* answers 100 to 199 before the one that counts */

/* Owned by its connection while that is ASKING. Holds its endpoint. */
struct asking {
  const struct opening_events *events; /* NULL: nobody wants to know */
  void *owner;
  struct endpoint *endpoint;
  struct http_scan scan;
  struct http_body *body; /* of an answer that is framed, or NULL */
  int interim;
  bool has_head; /* the body is what is awaited */
  char key[HANDSHAKE_KEY_SIZE];
  size_t protocols_length;
  char protocols[];
};

void opening_free(struct connection *conn) {
  struct asking *asking = conn->in.asking;
  if (!conn->is_asking) return;
  conn->is_asking = false;
  if (asking->body) http_body_free(asking->body);
  endpoint_drop(asking->endpoint);
  mem_free(asking);
}

static struct slice body_so_far(const struct connection *conn) {
  const struct asking *asking = conn->in.asking;
  if (asking->body) return http_body_content(asking->body);
  size_t length = conn->unread.length;
  if (length > OPENING_MAX_BODY_SIZE) length = OPENING_MAX_BODY_SIZE;
  return (struct slice){(const char *)conn->unread.bytes, length};
}

void opening_fail(struct connection *conn, const char *reason) {
  struct asking *asking = conn->in.asking;
  const struct opening_events *events = asking->events;
  struct http_answer answer;
  struct refusal refusal;
  asking->events = NULL;
  if (!events) return;
  if (asking->has_head &&
      http_answer_parse(&answer, conn->head, conn->head_length, &refusal)) {
    events->failed(asking->owner, reason, &answer, body_so_far(conn));
  } else {
    events->failed(asking->owner, reason, NULL, SLICE(""));
  }
}

static void fail(struct connection *conn, const char *reason) {
  opening_fail(conn, reason);
  connection_terminate(conn);
}

void opening_timed_out(struct connection *conn) {
  fail(conn, conn->in.asking->has_head
                 ? "The answer's body took too long."
                 : "There was no answer to the handshake in time.");
}

/* The answer is whole: what it is was told by its status. */
static void fail_with_answer(struct connection *conn) {
  fail(conn, "The server did not switch to WebSocket.");
}

void opening_ended(struct connection *conn) {
  if (conn->in.asking->has_head)
    fail_with_answer(conn);
  else
    fail(conn, "The connection was closed during the handshake.");
}

/* What is offered of compression, or NULL. */
static const struct deflate_terms *offer_of(const struct endpoint *endpoint,
                                            struct deflate_terms *offer) {
  if (!endpoint->limits.deflate.is_wanted) return NULL;
  *offer = deflate_offer(&endpoint->limits.deflate);
  return offer;
}

/* ---- the 101 */

/* The server compresses from now on, so there is no going on without. */
static bool begin_compression(struct connection *conn,
                              const struct client_choice *choice) {
  if (!choice->is_deflated) return true;
  conn->compression = compression_get(
      &conn->server->compressions, &conn->in.asking->endpoint->limits.deflate,
      &choice->deflate, READER_CLIENT);
  return conn->compression != NULL;
}

static void begin(struct connection *conn, const struct client_choice *choice) {
  struct asking *asking = conn->in.asking;
  if (!begin_compression(conn, choice) ||
      !connection_keep_protocol(conn, choice->protocol)) {
    fail(conn, "out of memory");
    return;
  }
  const struct opening_events *events = asking->events;
  void *owner = asking->owner;
  struct endpoint *endpoint = endpoint_hold(asking->endpoint);
  opening_free(conn);
  if (events) events->opened(owner);
  connection_begin(conn, endpoint, CONNECTION_OPEN);
  endpoint_drop(endpoint);
}

static void switch_over(struct connection *conn,
                        const struct http_answer *answer) {
  const struct asking *asking = conn->in.asking;
  struct deflate_terms offer;
  struct client_choice choice;
  struct client_request request = {
      .key = {asking->key, sizeof asking->key},
      .protocols = {asking->protocols, asking->protocols_length},
      .deflate = offer_of(asking->endpoint, &offer),
  };
  const char *why = client_handshake_check(answer, &request, &choice);
  if (why)
    fail(conn, why);
  else
    begin(conn, &choice);
}

/* ---- any other answer */

static void receive_body(struct connection *conn) {
  struct asking *asking = conn->in.asking;
  size_t used;
  if (!asking->body) {
    if (conn->unread.length >= OPENING_MAX_BODY_SIZE) fail_with_answer(conn);
    return;
  }
  enum http_body_state state =
      http_body_feed(asking->body, (const char *)conn->unread.bytes,
                     conn->unread.length, &used);
  buffer_consume(&conn->unread, conn->unread.length);
  if (state != HTTP_BODY_UNFINISHED) fail_with_answer(conn);
}

static void begin_body(struct connection *conn,
                       const struct http_answer *answer) {
  struct asking *asking = conn->in.asking;
  enum http_answer_body kind = http_answer_body(answer, false);
  asking->has_head = true;
  if (kind == HTTP_ANSWER_FRAMED) {
    asking->body = http_body_new(&answer->head, OPENING_MAX_BODY_SIZE);
  }
  if (kind == HTTP_ANSWER_NO_BODY ||
      (kind == HTTP_ANSWER_FRAMED && !asking->body)) {
    buffer_free(&conn->unread);
    fail_with_answer(conn);
  } else {
    receive_body(conn);
  }
}

/* ---- the head */

static bool is_interim(struct connection *conn,
                       const struct http_answer *answer) {
  struct asking *asking = conn->in.asking;
  if (answer->status >= 200 || answer->status == 101) return false;
  mem_free(conn->head);
  conn->head = NULL;
  asking->scan = (struct http_scan){0};
  return true;
}

static void receive_head(struct connection *conn, size_t length) {
  struct asking *asking = conn->in.asking;
  struct http_answer answer;
  struct refusal refusal;
  if (!connection_keep_head(conn, (char *)conn->unread.bytes, length)) {
    fail(conn, "out of memory");
    return;
  }
  buffer_consume(&conn->unread, length);
  if (!http_answer_parse(&answer, conn->head, length, &refusal)) {
    fail(conn, refusal.reason);
  } else if (is_interim(conn, &answer)) {
    if (++asking->interim > INTERIM_MAX) fail(conn, "It only says 100.");
  } else if (answer.status == 101) {
    switch_over(conn, &answer);
  } else {
    begin_body(conn, &answer);
  }
}

/* True when there may be more of it in what has come. */
static bool receive_more(struct connection *conn) {
  struct asking *asking = conn->in.asking;
  struct refusal refusal;
  if (asking->has_head) {
    receive_body(conn);
    return false;
  }
  size_t length =
      http_answer_scan(&asking->scan, (char *)conn->unread.bytes,
                       conn->unread.length, OPENING_MAX_HEADER_SIZE, &refusal);
  if (refusal.status) fail(conn, refusal.reason);
  if (length > 0) receive_head(conn, length);
  return length > 0 && conn->is_asking && !conn->in.asking->has_head;
}

void opening_receive(struct connection *conn, const uint8_t *bytes,
                     size_t length) {
  if (!buffer_append(&conn->unread, bytes, length)) {
    fail(conn, "out of memory");
    return;
  }
  while (conn->state == CONNECTION_ASKING && conn->unread.length > 0 &&
         receive_more(conn)) {
  }
}

bool connection_answer_head(const struct connection *conn,
                            struct http_answer *answer) {
  struct refusal refusal;
  return conn->is_outgoing && conn->endpoint && conn->head &&
         http_answer_parse(answer, conn->head, conn->head_length, &refusal);
}

/* ---- asking */

static struct asking *asking_new(const struct opening *opening) {
  size_t length = opening->protocols.length;
  struct asking *asking = mem_alloc_zeroed(1, sizeof *asking + length);
  if (!asking) return NULL;
  if (!client_handshake_key(asking->key)) {
    mem_free(asking);
    return NULL;
  }
  asking->events = opening->events;
  asking->owner = opening->owner;
  asking->endpoint = endpoint_hold(opening->endpoint);
  asking->protocols_length = length;
  if (length > 0) memcpy(asking->protocols, opening->protocols.at, length);
  return asking;
}

static bool write_request(struct buffer *to, const struct opening *opening,
                          const struct asking *asking) {
  struct deflate_terms offer;
  struct client_request request = {
      .target = opening->target,
      .host = opening->host,
      .key = {asking->key, sizeof asking->key},
      .protocols = opening->protocols,
      .headers = opening->headers,
      .deflate = offer_of(opening->endpoint, &offer),
  };
  return client_handshake_write(to, &request);
}

struct connection *connection_ask(struct server *server,
                                  struct transport *transport,
                                  const struct opening *opening) {
  struct address peer = transport->ops->peer(transport);
  struct connection *conn = connection_accept(server, NULL, transport, &peer);
  if (!conn) return NULL;
  conn->is_outgoing = true;
  server->outgoing++;
  conn->state = CONNECTION_ASKING;
  conn->in.asking = asking_new(opening);
  conn->is_asking = conn->in.asking != NULL;
  if (!conn->is_asking) {
    connection_terminate(conn);
    return NULL;
  }
  conn->in.asking->events = NULL; /* until it is under way */
  connection_set_timer(conn, opening->timeout);
  input_update(conn);
  struct buffer request = {0};
  bool is_whole = write_request(&request, opening, conn->in.asking);
  output_add_bytes(conn, &request, is_whole);
  if (conn->state != CONNECTION_ASKING) return NULL;
  conn->in.asking->events = opening->events;
  return conn;
}

void connection_forget_opening(struct connection *conn) {
  if (conn->state != CONNECTION_ASKING) return;
  if (conn->is_asking) conn->in.asking->events = NULL;
  connection_terminate(conn);
}
