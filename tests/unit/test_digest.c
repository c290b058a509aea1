/* SHA-256 and HMAC-SHA256 by the vectors of RFC 6234 and RFC 4231. */
#include "check.h"
#include "proto/digest.h"

#include <stdio.h>
#include <string.h>

static const char *hex(const uint8_t digest[DIGEST_SIZE]) {
  static char text[2 * DIGEST_SIZE + 1];
  for (int i = 0; i < DIGEST_SIZE; i++) {
    snprintf(text + 2 * i, 3, "%02x", digest[i]);
  }
  return text;
}

TEST(digest_sha256_is_that_of_the_rfc) {
  uint8_t digest[DIGEST_SIZE];
  CHECK_EQ(digest_sha256(SLICE("abc"), digest), 0);
  CHECK_TEXT(
      hex(digest),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(digest_sha256(SLICE(""), digest), 0);
  CHECK_TEXT(
      hex(digest),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(digest_hmac_is_that_of_the_rfc) {
  uint8_t digest[DIGEST_SIZE];
  char key[131];
  CHECK_EQ(digest_hmac_sha256(SLICE("Jefe"),
                              SLICE("what do ya want for nothing?"), digest),
           0);
  CHECK_TEXT(
      hex(digest),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key); /* a key that is longer than a block */
  CHECK_EQ(digest_hmac_sha256(
               (struct slice){key, sizeof key},
               SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
               digest),
           0);
  CHECK_TEXT(
      hex(digest),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
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
