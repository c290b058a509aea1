/*
 * client_handshake - the opening handshake (RFC 6455 4.1), the client's side:
 * what it asks for, and whether the answer is what it asked for.
 */
#ifndef RATCHET_PROTO_CLIENT_HANDSHAKE_H
#define RATCHET_PROTO_CLIENT_HANDSHAKE_H

#include "base/buffer.h"
#include "http_answer.h"

enum { CLIENT_KEY_SIZE = 24 }; /* base64 of 16 bytes */

/* A key that nobody can foresee, not terminated. False: there is none. */
bool client_handshake_key(char key[CLIENT_KEY_SIZE]);

/* The request. `target` and `host` go out as they are, and so do `headers`,
 * ready-made lines, each with its CR LF; `protocols` is a list of tokens with
 * commas, or empty. False when there is no memory. */
bool client_handshake_write(struct buffer *to, struct slice target,
                            struct slice host, struct slice key,
                            struct slice protocols, struct slice headers);
/* May the app not set it, because the handshake does? */
bool client_handshake_sets(struct slice name);

/* Is this 101 the answer to that key and these protocols? Then NULL, and the
 * sub-protocol that was chosen, as it stands in `protocols`, or empty; else why
 * not, in one sentence. No extension is offered, so none may be there. */
const char *client_handshake_check(const struct http_answer *answer,
                                   struct slice key, struct slice protocols,
                                   struct slice *protocol);

#endif
