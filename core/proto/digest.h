/* digest - SHA-1, under the name that each mbedTLS gives it. */
#ifndef RATCHET_PROTO_DIGEST_H
#define RATCHET_PROTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_SIZE = 20 };

/* Returns 0, or what mbedTLS makes of a failure. */
int digest_sha1(const void *bytes, size_t length, uint8_t digest[SHA1_SIZE]);

#endif
