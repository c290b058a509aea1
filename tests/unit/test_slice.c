/*
 * test_slice - comparing, trimming, cutting.
 */
#include "base/slice.h"
#include "check.h"

static bool is(struct slice text, const char *wanted) {
  return slice_equals(text, slice_of(wanted));
}

TEST(slice_compares) {
  struct slice none = {NULL, 0};

  CHECK(slice_equals(SLICE("abc"), SLICE("abc")));
  CHECK(!slice_equals(SLICE("abc"), SLICE("abd")));
  CHECK(!slice_equals(SLICE("abc"), SLICE("ab")));
  CHECK(!slice_equals(SLICE("abc"), SLICE("ABC")));
  CHECK(slice_equals(none, SLICE("")));
  CHECK(slice_equals(SLICE("a\0b"), SLICE("a\0b")));
  CHECK(!slice_equals(SLICE("a\0b"), SLICE("a\0c")));
}

TEST(slice_compares_without_case_in_ascii_only) {
  CHECK(slice_equals_nocase(SLICE("WebSocket"), SLICE("wEBsOCKET")));
  CHECK(!slice_equals_nocase(SLICE("websocket"), SLICE("websockets")));
  CHECK(!slice_equals_nocase(SLICE("@[`{"), SLICE("`{@[")));
  CHECK(!slice_equals_nocase(SLICE("\xC4"), SLICE("\xE4")));
}

TEST(slice_trims_blanks) {
  CHECK(is(slice_trim(SLICE(" \t a b\t ")), "a b"));
  CHECK(is(slice_trim(SLICE("a")), "a"));
  CHECK_EQ(slice_trim(SLICE(" \t ")).length, 0);
  CHECK_EQ(slice_trim(SLICE("")).length, 0);
  CHECK(is(slice_trim(SLICE("\r\na\n")), "\r\na\n"));
}

TEST(slice_cuts_at_each_separator) {
  struct slice rest = SLICE("a,,bc");

  CHECK(is(slice_cut(&rest, ','), "a"));
  CHECK(is(slice_cut(&rest, ','), ""));
  CHECK(rest.at != NULL);
  CHECK(is(slice_cut(&rest, ','), "bc"));
  CHECK(rest.at == NULL && rest.length == 0);
}

TEST(slice_cuts_an_empty_part_after_the_last_separator) {
  struct slice rest = SLICE("a,");

  CHECK(is(slice_cut(&rest, ','), "a"));
  CHECK(rest.at != NULL && rest.length == 0);
  CHECK(is(slice_cut(&rest, ','), ""));
  CHECK(rest.at == NULL);
}

TEST(slice_reads_numbers) {
  static const char *const bad[] = {"",   "-1",  "+1",    "1a",
                                    " 1", "0x1", "123456"};
  uint64_t value;

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    check_context("%s", bad[i]);
    CHECK(!slice_number(slice_of(bad[i]), 5, &value));
  }
  CHECK(slice_number(SLICE("00042"), 5, &value) && value == 42);
  CHECK(slice_number(SLICE("9999999999999999999"), 19, &value));
  CHECK(value == UINT64_C(9999999999999999999));
}
