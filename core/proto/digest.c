#include "digest.h"

#include <errno.h>
#include <mbedtls/md.h>

static const mbedtls_md_info_t *sha256(void) {
  return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

static const uint8_t *bytes_of(struct slice slice) {
  return (const uint8_t *)slice.at;
}

int digest_sha256(struct slice data, uint8_t digest[DIGEST_SIZE]) {
  int status = mbedtls_md(sha256(), bytes_of(data), data.length, digest);
  return status == 0 ? 0 : -EIO;
}

int digest_hmac_sha256(struct slice key, struct slice data,
                       uint8_t digest[DIGEST_SIZE]) {
  int status = mbedtls_md_hmac(sha256(), bytes_of(key), key.length,
                               bytes_of(data), data.length, digest);
  return status == 0 ? 0 : -EIO;
}

bool digest_equals(struct slice a, struct slice b) {
  volatile uint8_t difference = 0;
  if (a.length != b.length) return false;
  for (size_t i = 0; i < a.length; i++) {
    difference |= (uint8_t)(bytes_of(a)[i] ^ bytes_of(b)[i]);
  }
  return difference == 0;
}
