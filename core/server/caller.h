/*
 * caller - one connection to an HTTP server, with us as its client: a request
 * goes out, its answer is read, strictly, and the next request may follow (RFC
 * 9112 9.3). One at a time; nothing is pipelined.
 *
 *   caller_new --> idle --caller_ask--> asking --whole answer--> idle
 *                   |                     |            |
 *                   |        no answer, nor will be    | the server would end
 *                   v                     v            v it, or said more
 *                  gone <-----------------'------------'
 *
 * It is kept for a next request only where both sides are sure to agree on
 * where that one's answer begins: the answer had an end of its own, nothing
 * came behind it, and all of the request had gone out. A byte that comes while
 * it is idle ends it.
 */
#ifndef RATCHET_SERVER_CALLER_H
#define RATCHET_SERVER_CALLER_H

#include "net/transport.h"
#include "proto/http_answer.h"
#include "wheel.h"

struct caller;
struct server;

enum caller_error {
  CALLER_LOST,      /* the connection ended */
  CALLER_LATE,      /* the time was over */
  CALLER_MALFORMED, /* the answer is none */
  CALLER_TOO_LARGE, /* the body is over the limit */
  CALLER_NO_MEMORY,
};

struct caller_failure {
  enum caller_error error;
  const char *reason; /* one sentence; a constant */
  bool is_untouched;  /* not a byte of the answer had come */
};

/* What its owner hears; never from inside a function of this file, but
 * everything here may be called from inside each. */
struct caller_events {
  /* The answer, valid during the call. Unless it is kept, the caller is gone
   * with the return. */
  void (*answered)(void *owner, const struct http_answer *answer,
                   struct slice body, bool is_kept);
  /* There is no answer, and the caller is gone with the return. */
  void (*failed)(void *owner, const struct caller_failure *failure);
  /* It was idle, and is gone with the return. */
  void (*ended)(void *owner);
};

struct caller_limits {
  size_t max_header_size, max_body_size; /* bytes */
  uint32_t timeout; /* ms, for the request and the answer; 1 at least */
};

/* Owned by its maker until it is gone or caller_close; then by its transport,
 * and freed when that is closed. Owns its transport and what it is doing. */
struct caller {
  struct server *server;
  struct transport *transport;
  const struct caller_events *events; /* NULL: gone */
  void *owner;
  struct wheel_entry timer;
  struct exchange *exchange; /* NULL: idle */
};

/* Takes the transport over, which is closed when there is no memory: NULL. */
struct caller *caller_new(struct server *server, struct transport *transport,
                          const struct caller_events *events, void *owner);
/* Sends a whole request, which is copied as far as it does not go out at once;
 * the caller must be idle. `is_head`: it is HEAD, whose answer has no body. 0,
 * and `answered` or `failed` is heard later; or a negative errno, and the
 * caller is gone: not a byte of an answer had come. */
int caller_ask(struct caller *caller, struct slice request, bool is_head,
               const struct caller_limits *limits);
/* An idle one ends in so many ms, if nothing is asked before. */
void caller_rest(struct caller *caller, uint32_t milliseconds);
/* Ends it; nothing more is heard. */
void caller_close(struct caller *caller);

/* For the server's wheel. */
void caller_timed_out(struct caller *caller);

#endif
