/*
 * signature - RS256 and ES256 (RFC 7518 3.3, 3.4), by keys in PEM.
 *
 * A key serves one algorithm only: RSA keys of 2048 bits or more for RS256,
 * keys on the curve P-256 for ES256. Nothing is kept between calls.
 */
#ifndef RATCHET_PROTO_SIGNATURE_H
#define RATCHET_PROTO_SIGNATURE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum signature_kind { SIGNATURE_RS256, SIGNATURE_ES256 };

enum { SIGNATURE_MAX = 1024, SIGNATURE_ES256_SIZE = 64 };

/*
 * All take `pem`, which ends with a NUL that its length counts, and return 0 or
 *   -EINVAL  it is no such key (public, private) in PEM
 *   -ENOTSUP it is a key, but not one for that algorithm
 *   -EIO     mbedTLS failed
 * sign writes at most SIGNATURE_MAX bytes. verify says whether it is right.
 */
int signature_sign(enum signature_kind kind, struct slice pem,
                   struct slice data, uint8_t signature[SIGNATURE_MAX],
                   size_t *length);
int signature_verify(enum signature_kind kind, struct slice pem,
                     struct slice data, struct slice signature, bool *is_right);

#endif
