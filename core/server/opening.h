/*
 * opening - a connection that goes out: what its handshake is, and what becomes
 * of it. Once it is open it is a connection as any other, but for its role in
 * the protocol: it masks what it sends, and its peer must not.
 */
#ifndef RATCHET_SERVER_OPENING_H
#define RATCHET_SERVER_OPENING_H

#include "connection.h"
#include "proto/client_handshake.h"

enum {
  OPENING_MAX_HEADER_SIZE = 16 * 1024,
  OPENING_MAX_BODY_SIZE = 64 * 1024, /* of an answer that is no 101 */
};

/* Told once, unless connection_forget_opening comes first; user code is not to
 * be entered from here. */
struct opening_events {
  /* The endpoint's `open` is next. */
  void (*opened)(void *owner);
  /* There will be no connection: `reason` is a constant. The answer, with the
   * first OPENING_MAX_BODY_SIZE bytes of its body, is NULL unless there was
   * one. Both are valid during the call. */
  void (*failed)(void *owner, const char *reason,
                 const struct http_answer *answer, struct slice body);
};

/* Everything is copied. */
struct opening {
  struct slice target, host, protocols, headers; /* as for the handshake */
  struct endpoint *endpoint;
  uint32_t timeout; /* ms for the whole answer */
  const struct opening_events *events;
  void *owner;
};

/* Takes the transport over and sends the handshake. NULL when there is no
 * memory; then the transport is closed, and nothing is told. */
struct connection *connection_ask(struct server *server,
                                  struct transport *transport,
                                  const struct opening *opening);
/* Nobody wants to hear of it any more, and it ends, unless it is open. */
void connection_forget_opening(struct connection *conn);

/* The head of the answer, parsed anew. False when it is no connection that went
 * out, or is not open yet. */
bool connection_answer_head(const struct connection *conn,
                            struct http_answer *answer);

#endif
