/*
 * client_handshake - the opening handshake (RFC 6455 4.1), the client's side:
 * what it asks for, and whether the answer is what it asked for.
 */
#ifndef RATCHET_PROTO_CLIENT_HANDSHAKE_H
#define RATCHET_PROTO_CLIENT_HANDSHAKE_H

#include "base/buffer.h"
#include "deflate_terms.h"
#include "handshake.h"
#include "http_answer.h"

/* A key that nobody can foresee, not terminated. False: there is none. */
bool client_handshake_key(char key[HANDSHAKE_KEY_SIZE]);

/* What is asked for. `target` and `host` go out as they are, and so do
 * `headers`, ready-made lines, each with its CR LF; `protocols` is a list of
 * tokens with commas, or empty; `deflate` is NULL when nothing is offered. */
struct client_request {
  struct slice target, host, key, protocols, headers;
  const struct deflate_terms *deflate;
};

/* What the server chose of it. The sub-protocol is as it stands in `protocols`,
 * or empty. */
struct client_choice {
  struct slice protocol;
  bool is_deflated;
  struct deflate_terms deflate;
};

/* False when there is no memory. */
bool client_handshake_write(struct buffer *to,
                            const struct client_request *request);
/* May the app not set it, because the handshake does? */
bool client_handshake_sets(struct slice name);

/* Is this 101 an answer to that key, these protocols and this offer? Then NULL,
 * and what was chosen; else why not, in one sentence. */
const char *client_handshake_check(const struct http_answer *answer,
                                   const struct client_request *request,
                                   struct client_choice *choice);

#endif
