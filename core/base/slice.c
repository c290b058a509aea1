/*
 * slice - comparing, trimming, cutting and reading borrowed text. Nothing here
 * copies or allocates, and letters are ASCII letters whatever the locale says.
 */
#include "slice.h"

/* The two cases of a letter differ in one bit. */
enum { CASE_BIT = 'a' ^ 'A' };

static bool is_letter(char c) {
  return (c | CASE_BIT) >= 'a' && (c | CASE_BIT) <= 'z';
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* memcmp must not be given the NULL of an empty slice, even for no bytes. */
bool slice_equals(struct slice a, struct slice b) {
  if (a.length != b.length) return false;
  return a.length == 0 || memcmp(a.at, b.at, a.length) == 0;
}

bool slice_same_nocase(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (a[i] == b[i]) continue;
    if ((a[i] ^ b[i]) != CASE_BIT || !is_letter(a[i])) return false;
  }
  return true;
}

struct slice slice_trim(struct slice text) {
  while (text.length > 0 && is_blank(text.at[0])) {
    text.at++;
    text.length--;
  }
  while (text.length > 0 && is_blank(text.at[text.length - 1])) text.length--;
  return text;
}

struct slice slice_cut(struct slice *rest, char separator) {
  struct slice part = *rest;
  const char *found =
      part.length ? memchr(part.at, separator, part.length) : NULL;

  if (!found) {
    *rest = (struct slice){NULL, 0};
    return part;
  }
  part.length = (size_t)(found - part.at);
  rest->at = found + 1;
  rest->length -= part.length + 1;
  return part;
}

bool slice_number(struct slice text, size_t most, uint64_t *value) {
  *value = 0;
  if (text.length == 0 || text.length > most) return false;
  for (size_t i = 0; i < text.length; i++) {
    if (text.at[i] < '0' || text.at[i] > '9') return false;
    *value = *value * 10 + (uint64_t)(text.at[i] - '0');
  }
  return true;
}
