/* digest - SHA-256 and HMAC-SHA256 (RFC 2104, RFC 6234), and a comparison that
 * tells nobody by its time how much was right. */
#ifndef RATCHET_PROTO_DIGEST_H
#define RATCHET_PROTO_DIGEST_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32 };

/* Both return 0, or -EIO when mbedTLS fails (it is out of memory). */
int digest_sha256(struct slice data, uint8_t digest[DIGEST_SIZE]);
int digest_hmac_sha256(struct slice key, struct slice data,
                       uint8_t digest[DIGEST_SIZE]);

/* Takes as long for different bytes as for the same ones; lengths are no
 * secret. */
bool digest_equals(struct slice a, struct slice b);

#endif
