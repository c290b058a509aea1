#include "digest.h"

#include <mbedtls/sha1.h>
#include <mbedtls/version.h>

int digest_sha1(const void *bytes, size_t length, uint8_t digest[SHA1_SIZE]) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_sha1(bytes, length, digest);
#else
  return mbedtls_sha1_ret(bytes, length, digest);
#endif
}
