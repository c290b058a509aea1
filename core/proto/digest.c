#include "digest.h"

#include <mbedtls/md.h>
#include <mbedtls/sha1.h>
#include <mbedtls/version.h>

int digest_sha1(const void *bytes, size_t length, uint8_t digest[SHA1_SIZE]) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_sha1(bytes, length, digest);
#else
  return mbedtls_sha1_ret(bytes, length, digest);
#endif
}

bool digest_sha256(struct slice data, uint8_t digest[SHA256_SIZE]) {
  const mbedtls_md_info_t *sha256 =
      mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  return mbedtls_md(sha256, (const uint8_t *)data.at, data.length, digest) == 0;
}

bool digest_equals(struct slice a, struct slice b) {
  volatile uint8_t difference = 0;
  if (a.length != b.length) return false;
  for (size_t i = 0; i < a.length; i++) {
    difference |= (uint8_t)(a.at[i] ^ b.at[i]);
  }
  return difference == 0;
}
