#include "hmac.h"

#include <mbedtls/md.h>

bool hmac_sha256(struct slice key, struct slice message,
                 uint8_t out[HMAC_SHA256_SIZE]) {
  const mbedtls_md_info_t *sha256 =
      mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  return mbedtls_md_hmac(sha256, (const uint8_t *)key.at, key.length,
                         (const uint8_t *)message.at, message.length, out) == 0;
}
