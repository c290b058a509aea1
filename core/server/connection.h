/*
 * connection - one peer, from accept to the last byte.
 *
 *            raw service
 *   accept ------------> RAW ---------------------------.
 *      |                                                |
 *      '--> HTTP --head--> DECIDING --upgrade--> OPEN --+--> CLOSING
 *             |               |                    |    |       |
 *             '---- refusal, answer, failure ------'----'-------'--> ENDING
 *                                                                      |
 *   transport closed, nobody holds it: freed  <----------------- CLOSED
 *
 * One that goes out (opening.h) begins in ASKING, and is OPEN with its 101.
 * Where a proxy has to say first whom it speaks for, all begins in PROXY. TLS
 * is agreed on in HTTP, by the transport; a raw service begins when it is. A
 * request with a body is in BODY before DECIDING; one whose answer comes piece
 * by piece is in ANSWERING behind it; when the answer keeps the connection, it
 * goes back to HTTP. CLOSING: our close frame is queued, the peer's is awaited.
 * ENDING: nothing more is delivered; what is queued goes out, then FIN, then
 * what the peer still sends is thrown away for a while (RFC 6455 7.1.1:
 * closing at once could destroy our last bytes with a reset). CLOSED: the
 * transport is closing.
 *
 * Closing is a state, freeing is an event: any function here may be called from
 * inside any event; the connection goes away only in connection_drop, when its
 * transport is closed and nobody holds it.
 */
#ifndef RATCHET_SERVER_CONNECTION_H
#define RATCHET_SERVER_CONNECTION_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/payload.h"
#include "endpoint.h"
#include "net/transport.h"
#include "proto/close_code.h"
#include "proto/reader.h"
#include "send_queue.h"
#include "server.h"
#include "wheel.h"

enum connection_state {
  CONNECTION_RAW,
  CONNECTION_PROXY,
  CONNECTION_HTTP,
  CONNECTION_BODY,
  CONNECTION_DECIDING,
  CONNECTION_ANSWERING,
  CONNECTION_ASKING,
  CONNECTION_OPEN,
  CONNECTION_CLOSING,
  CONNECTION_ENDING,
  CONNECTION_CLOSED,
};

/* Why it is not read; it is read again when none is left. */
enum pause_reason {
  PAUSE_ASKED = 1,  /* the app asked for it */
  PAUSE_OUTPUT = 2, /* the peer does not take what is sent */
  PAUSE_BUSY = 4,   /* its handler waits, and enough is queued behind it */
  PAUSE_TURN = 8,   /* it has had its share of this turn */
};

/* Owned by the server's list while its transport lives, by holds besides; freed
 * only in connection_drop. Owns its head, reason, unread bytes, client and
 * queue; holds its endpoint and its compression; borrows its transport until
 * `closed`. There may be a hundred thousand of them: the order of the fields
 * leaves no gaps. */
struct connection {
  struct list in_server, in_due;
  struct server *server;
  struct transport *transport; /* NULL once it is closed */
  struct service *service;     /* NULL: it goes out */
  struct endpoint *endpoint;   /* NULL until the request is decided */
  uint64_t id;
  struct wheel_entry timer;
  union {
    struct http_scan scan;  /* HTTP */
    struct http_body *body; /* BODY, DECIDING: has_body */
    struct answer *answer;  /* ANSWERING: has_answer */
    struct asking *asking;  /* ASKING: is_asking */
    struct reader reader;   /* OPEN, CLOSING */
    size_t untaken;         /* ENDING, shut_down: by the peer, of our bytes */
  } in;
  struct buffer unread; /* came, but not looked at yet; HTTP: the head so far */
  struct send_queue queue;
  size_t in_flight; /* bytes of its front that the transport is writing */
  struct payload *late_pong; /* replaces older ones while output is stuck */
  struct membership *memberships; /* of topics */
  char *head; /* the peer's head, as it came; then the protocol */
  struct close_reason *reason;     /* of the close event, or NULL */
  struct client *client;           /* whom a proxy speaks for, or NULL */
  struct compression *compression; /* NULL: none was agreed on */
  void *app; /* whatever the endpoint's owner keeps here */
  int app_view;
  uint32_t head_length;
  uint32_t heard; /* tick of the last byte that came, or that the peer took */
  uint16_t holds;
  uint16_t close_code;   /* of the close event */
  uint8_t state : 4;     /* connection_state */
  uint8_t paused : 4;    /* pause_reason bits */
  bool told_open : 1;    /* `open` was told, `close` not yet */
  bool close_due : 1;    /* `close` is to be told */
  bool drain_due : 1;    /* `drain` is to be told */
  bool pull_due : 1;     /* `unread` is to be looked at */
  bool writing : 1;      /* the transport works on the front of the queue */
  bool over_high : 1;    /* output was over its high-water mark */
  bool pinged : 1;       /* a keep-alive ping is out */
  bool peer_ended : 1;   /* FIN came */
  bool shut_down : 1;    /* FIN went */
  bool reading : 1;      /* the transport delivers */
  bool has_reader : 1;   /* in.reader, not in.scan */
  bool has_protocol : 1; /* behind the head, up to a NUL */
  bool has_body : 1;     /* in.body */
  bool has_answer : 1;   /* in.answer */
  bool is_kept : 1;      /* the answer does not end it */
  bool has_answered : 1; /* a request before this one */
  bool is_http_1_0 : 1;
  bool is_head_request : 1; /* HEAD: the answer has no body */
  bool is_raw : 1;          /* no WebSocket: bytes as they come */
  bool is_counted : 1;      /* in the server's tally */
  bool is_refused : 1;      /* there are too many */
  bool is_outgoing : 1;     /* we are the client */
  bool is_asking : 1;       /* in.asking */
  bool is_secure : 1;       /* its transport is TLS */
  struct address peer;      /* of the socket */
};

/* Owned by its connection. Where there is none, the peer is the client, as most
 * are. */
struct client {
  struct address before;  /* the peer, or whom the PROXY header named */
  struct address address; /* whom the request came from; else as `before` */
  bool is_secure;
};

struct close_reason {
  uint8_t length;
  char text[];
};

/* Takes the transport over, whose peer that is; connection_start or a refusal
 * is next. NULL when there is no memory; then it is closed. */
struct connection *connection_accept(struct server *server,
                                     struct service *service,
                                     struct transport *transport,
                                     const struct address *peer);
/* Begins to serve it. */
void connection_start(struct connection *conn);

static inline void connection_hold(struct connection *conn) {
  conn->holds++;
}
/* For connection_drop alone. */
void connection_free(struct connection *conn);
/* The one place where a connection is freed. */
static inline void connection_drop(struct connection *conn) {
  conn->holds--;
  if (conn->holds > 0 || conn->transport || conn->close_due) return;
  connection_free(conn);
}

/* ---- decisions on a request (state DECIDING) */

/* Answers, and ends it unless the client would go on. `headers` are ready-made
 * lines, each with its CR LF. */
void connection_answer(struct connection *conn, int status,
                       struct slice headers, struct slice body);
/* Answers by a head, and a body that comes from the source, which belongs to
 * the connection from now on, whatever happens. `length` is the body's in
 * bytes, which it is held to, or ANSWER_LENGTH_UNKNOWN: it goes out in chunks
 * then, or to an HTTP/1.0 client up to the connection's end. Who is owed no
 * body (HEAD, 204, 304) gets the head; the source is then asked for nothing. */
#define ANSWER_LENGTH_UNKNOWN UINT64_MAX
void connection_begin_answer(struct connection *conn, int status,
                             struct slice headers, uint64_t length,
                             struct answer_source *source);
/* Is this, which the service was asked about, a good handshake? If not, the
 * refusal says why (RFC 6455 4.2.1). */
bool connection_may_upgrade(const struct connection *conn,
                            const struct http_head *head,
                            struct refusal *refusal);
/* Answers 101; then `open` is told. `protocol` may be empty. */
void connection_upgrade(struct connection *conn, struct endpoint *endpoint,
                        struct slice protocol, struct slice headers);
/* Writes nothing: from here on the endpoint has the bytes; `open` is told. */
void connection_hand_over(struct connection *conn, struct endpoint *endpoint);

/* ---- what a source was asked for (state ANSWERING; else nothing happens) */

/* The next piece, which may be empty. False when it goes over the length, which
 * loses the connection. */
bool connection_add_piece(struct connection *conn, struct slice piece);
/* There is no more. False when it ends before the length, which loses the
 * connection. */
bool connection_end_answer(struct connection *conn);
/* There is more, but it cannot be had: the connection ends where it is, so that
 * the peer does not take what it has for the whole. */
void connection_fail_answer(struct connection *conn);

/* The content of the request's body. */
struct slice connection_body(const struct connection *conn);

/* The head of the request, parsed anew. False when there was none. */
bool connection_head(const struct connection *conn, struct http_head *head);

/* ---- from inside the event `message` */

/* The next message of those that came together, as the next `message` would
 * tell it; valid until this or the event returns. False when there is none, or
 * when none may be delivered now. */
bool connection_take_message(struct connection *conn, struct slice *message,
                             bool *is_binary);

/* ---- what an app asks for; each is harmless on a dead connection */

enum send_result { SEND_QUEUED, SEND_DROPPED, SEND_CLOSED };

/* Queues a frame, or raw bytes on a raw connection. A message is compressed if
 * that was agreed on. */
enum send_result connection_send(struct connection *conn,
                                 struct payload *payload);
/* The same, but the message goes as it is. */
enum send_result connection_send_as_is(struct connection *conn,
                                       struct payload *payload);
/* Starts the close handshake; `code` must be sendable. On a raw connection:
 * ends it when all is written. */
void connection_close(struct connection *conn, int code, struct slice reason);
void connection_terminate(struct connection *conn);
void connection_pause(struct connection *conn, enum pause_reason reason);
void connection_resume(struct connection *conn, enum pause_reason reason);

/* The client's address: behind a proxy that is trusted, what that says. */
static inline const struct address *
connection_client(const struct connection *conn) {
  return conn->client ? &conn->client->address : &conn->peer;
}
static inline bool connection_is_secure(const struct connection *conn) {
  return conn->is_secure || (conn->client && conn->client->is_secure);
}
/* What is known of its TLS; false when it has none, or is closed. */
bool connection_describe(const struct connection *conn,
                         struct transport_secrecy *secrecy);
/* The sub-protocol that was agreed on, or "". */
static inline const char *connection_protocol(const struct connection *conn) {
  return conn->has_protocol ? conn->head + conn->head_length : "";
}
/* May it still be sent to? */
static inline bool connection_is_open(const struct connection *conn) {
  return conn->state == CONNECTION_OPEN || conn->state == CONNECTION_RAW;
}
/* Bytes that are queued and that the kernel has not taken. */
static inline size_t connection_buffered(const struct connection *conn) {
  return conn->queue.length;
}

#endif
