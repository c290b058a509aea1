/*
 * handshake - the opening handshake (RFC 6455 4.2), the server's side: is this
 * request a good upgrade, and what is the accept value for its key?
 */
#ifndef RATCHET_PROTO_HANDSHAKE_H
#define RATCHET_PROTO_HANDSHAKE_H

#include "http_head.h"

enum {
  HANDSHAKE_KEY_SIZE = 24, /* base64 of 16 bytes */
  HANDSHAKE_ACCEPT_SIZE = 28,
};

/* Does the request ask for a WebSocket at all (an Upgrade that lists
 * "websocket")? If not, a WebSocket address answers 426. */
bool handshake_is_wanted(const struct http_head *head);

/* Every rule that a client's handshake must keep. True when it may be accepted;
 * else the refusal: 405 (not GET), 426 (Upgrade or Connection do not ask for a
 * WebSocket, or it is another version; to be answered with
 * Sec-WebSocket-Version: 13), 400 for the rest: HTTP/1.0, the key missing,
 * doubled or not 16 bytes of base64, a version given twice, a body, malformed
 * or repeated sub-protocols (4.1), malformed extensions (9.1). */
bool handshake_check(const struct http_head *head, struct refusal *refusal);

/* The value of Sec-WebSocket-Accept: base64(SHA-1(key + GUID)). Not terminated.
 * Returns 0, or a negative errno when the hash could not be made. */
int handshake_accept(struct slice key, char accept[HANDSHAKE_ACCEPT_SIZE]);

#endif
