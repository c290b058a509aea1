/* digest - SHA-1, SHA-256 (RFC 6234), and a comparison that tells nobody by its
 * time how much was right. */
#ifndef RATCHET_PROTO_DIGEST_H
#define RATCHET_PROTO_DIGEST_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHA1_SIZE = 20, SHA256_SIZE = 32 };

/* Under the name that each mbedTLS gives it. Returns 0, or what mbedTLS makes
 * of a failure. */
int digest_sha1(const void *bytes, size_t length, uint8_t digest[SHA1_SIZE]);

/* False when there is no memory. */
bool digest_sha256(struct slice data, uint8_t digest[SHA256_SIZE]);

/* Takes as long for different bytes as for the same ones; lengths are no
 * secret. */
bool digest_equals(struct slice a, struct slice b);

#endif
