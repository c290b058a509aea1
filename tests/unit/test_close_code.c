/*
 * test_close_code - every code there can be, against the list of RFC 6455 7.4
 * and the IANA registry, written out.
 */
#include "check.h"
#include "proto/close_code.h"

static bool is_good(int code) {
  static const int good[] = {1000, 1001, 1002, 1003, 1007, 1008,
                             1009, 1010, 1011, 1012, 1013, 1014};

  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (good[i] == code) return true;
  }
  return code / 1000 == 3 || code / 1000 == 4;
}

TEST(close_code_knows_what_may_be_sent) {
  for (int code = -1; code <= 65536; code++) {
    check_context("code %d", code);
    CHECK_EQ(close_code_is_sendable(code), is_good(code));
  }
}
