/* hmac - HMAC-SHA256 (RFC 2104, RFC 6234): proof that who made a message knows
 * a key. */
#ifndef RATCHET_PROTO_HMAC_H
#define RATCHET_PROTO_HMAC_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HMAC_SHA256_SIZE = 32 };

/* False when there is no memory. */
bool hmac_sha256(struct slice key, struct slice message,
                 uint8_t out[HMAC_SHA256_SIZE]);

#endif
