/*
 * test_lesson - a few lessons; that every reason has one is checked by
 * tests/lint/lessons.
 */
#include "check.h"

#include "proto/lesson.h"

#include <string.h>

TEST(lesson_names_the_rule_and_the_cure) {
  const char *masked = "A frame from a client is not masked.";
  CHECK(strstr(lesson_of(masked), "RFC 6455 5.1"));
  CHECK_TEXT(lesson_joint(masked), " ");
  CHECK_TEXT(lesson_joint("the peer reads too slowly"), "; ");
}

TEST(lesson_of_anything_else_is_nothing) {
  CHECK_TEXT(lesson_of("out of memory"), "");
  CHECK_TEXT(lesson_joint("out of memory"), "");
  CHECK_TEXT(lesson_of(""), "");
  CHECK_TEXT(lesson_joint(""), "");
}
