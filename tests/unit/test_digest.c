/* SHA-256 by the vectors of RFC 6234; a comparison of every byte. */
#include "check.h"
#include "proto/digest.h"

#include <stdio.h>
#include <string.h>

static const char *hex(const uint8_t digest[SHA256_SIZE]) {
  static char text[2 * SHA256_SIZE + 1];
  for (int i = 0; i < SHA256_SIZE; i++) {
    snprintf(text + 2 * i, 3, "%02x", digest[i]);
  }
  return text;
}

TEST(digest_sha256_is_that_of_the_rfc) {
  uint8_t digest[SHA256_SIZE];
  CHECK(digest_sha256(SLICE("abc"), digest));
  CHECK_TEXT(
      hex(digest),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest_sha256(SLICE(""), digest));
  CHECK_TEXT(
      hex(digest),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(digest_equals_looks_at_every_byte) {
  char a[32], b[32];
  memset(a, 7, sizeof a);
  for (size_t at = 0; at < sizeof a; at++) {
    memset(b, 7, sizeof b);
    b[at] ^= 0x80;
    CHECK(!digest_equals((struct slice){a, 32}, (struct slice){b, 32}));
  }
  CHECK(digest_equals((struct slice){a, 32}, (struct slice){a, 32}));
  CHECK(!digest_equals((struct slice){a, 32}, (struct slice){a, 31}));
  CHECK(digest_equals(SLICE(""), SLICE("")));
}
