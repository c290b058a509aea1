/*
 * test_extension - the list in Sec-WebSocket-Extensions, item by item (RFC 6455
 * 9.1).
 */
#include "check.h"
#include "proto/extension.h"

#include <stdio.h>

/* The list as "name(parameter=value,parameter)", "!" where it is malformed. */
static const char *shown(const char *text) {
  static char out[256];
  size_t length = strlen(text);
  struct slice rest = {(const char *)guarded(text, length), length};
  struct extension extension;
  struct extension_parameter parameter;
  int at = 0;

  while (rest.at) {
    bool is_good = extension_take(&rest, &extension);
    at += snprintf(out + at, sizeof out - (size_t)at, "%s%.*s(",
                   is_good ? "" : "!", (int)extension.name.length,
                   extension.name.at);
    while (extension.parameters.at) {
      is_good = extension_take_parameter(&extension, &parameter);
      at += snprintf(out + at, sizeof out - (size_t)at, "%s%.*s",
                     is_good ? "" : "!", (int)parameter.name.length,
                     parameter.name.at);
      if (!parameter.value.at) continue;
      at += snprintf(out + at, sizeof out - (size_t)at, "=%.*s",
                     (int)parameter.value.length, parameter.value.at);
    }
    at += snprintf(out + at, sizeof out - (size_t)at, ")");
  }
  return out;
}

TEST(extension_list_is_taken_apart) {
  CHECK_TEXT(shown("a"), "a()");
  CHECK_TEXT(shown("a, b;c , d ; e=1"), "a()b(c)d(e=1)");
  CHECK_TEXT(shown("a\t;\tb\t=\t\"1\""), "a(b=\"1\")");
  CHECK_TEXT(shown("a; b=\"\\1\\5\"; c"), "a(b=\"\\1\\5\"c)");
}

TEST(extension_list_may_be_malformed) {
  CHECK_TEXT(shown(""), "!()");
  CHECK_TEXT(shown("a,"), "a()!()");
  CHECK_TEXT(shown("a b"), "!a b()");
  CHECK_TEXT(shown("a;"), "a(!)");
  CHECK_TEXT(shown("a; =1"), "a(!=1)");
  CHECK_TEXT(shown("a; b="), "a(!b=)");
  CHECK_TEXT(shown("a; b=\""), "a(!b=\")");
  CHECK_TEXT(shown("a; b=\"\""), "a(!b=\"\")");
  CHECK_TEXT(shown("a; b=\"1\\\""), "a(!b=\"1\\\")");
  CHECK_TEXT(shown("a; b=\"1 2\""), "a(!b=\"1 2\")");
  CHECK_TEXT(shown("a; b=1\"2\""), "a(!b=1\"2\")");
}

TEST(extension_number_is_short_and_plain) {
  static const struct {
    const char *text;
    int number;
  } cases[] = {
      {"0", 0},           {"8", 8},           {"15", 15},
      {"9999", 9999},     {"\"15\"", 15},     {"\"1\\5\"", 15},
      {"\"\\1\\5\"", 15}, {"08", -1},         {"00", -1},
      {"10000", -1},      {"4294967305", -1}, {"-9", -1},
      {"+9", -1},         {"1.5", -1},        {"abc", -1},
      {"15a", -1},        {"1 5", -1},        {"18446744073709", -1},
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    check_context("%s", cases[i].text);
    CHECK_EQ(extension_number(slice_of(cases[i].text)), cases[i].number);
  }
  check_no_context();
  CHECK_EQ(extension_number(SLICE("")), -1);
}
