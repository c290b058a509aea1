/* HMAC-SHA256 by the test cases of RFC 4231. */
#include "check.h"
#include "proto/hmac.h"

#include <stdio.h>
#include <string.h>

static void check_mac(struct slice key, struct slice message,
                      const char *expected) {
  uint8_t mac[HMAC_SHA256_SIZE];
  char hex[2 * HMAC_SHA256_SIZE + 1];
  CHECK(hmac_sha256(key, message, mac));
  for (int i = 0; i < HMAC_SHA256_SIZE; i++) {
    snprintf(hex + 2 * i, 3, "%02x", mac[i]);
  }
  CHECK_TEXT(hex, expected);
}

TEST(hmac_sha256_is_that_of_the_rfc) {
  char key[131], message[50];
  memset(key, 0x0b, sizeof key);
  check_mac((struct slice){key, 20}, SLICE("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b"
            "881dc200c9833da726e9376c2e32cff7");
  check_mac(SLICE("Jefe"), SLICE("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c7"
            "5a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  memset(message, 0xdd, sizeof message);
  check_mac((struct slice){key, 20}, (struct slice){message, 50},
            "773ea91e36800e46854db8ebd09181a7"
            "2959098b3ef8c122d9635514ced565fe");
  check_mac((struct slice){key, 131},
            SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f"
            "8e0bc6213728c5140546040f0ee37f54");
}

TEST(hmac_sha256_of_nothing) {
  check_mac(SLICE(""), SLICE(""),
            "b613679a0814d9ec772f95d778c35fc5"
            "ff1697c493715653c6c712144292c5ad");
  check_mac((struct slice){NULL, 0}, (struct slice){NULL, 0},
            "b613679a0814d9ec772f95d778c35fc5"
            "ff1697c493715653c6c712144292c5ad");
}
