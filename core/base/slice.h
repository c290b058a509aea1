/*
 * slice - a borrowed run of bytes. It owns nothing; how long it may be used is
 * said where it is handed out. It need not end in a NUL.
 */
#ifndef RATCHET_BASE_SLICE_H
#define RATCHET_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
  const char *at;
  size_t length;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text) {
  return (struct slice){text, strlen(text)};
}

bool slice_equals(struct slice a, struct slice b);
bool slice_same_nocase(const char *a, const char *b, size_t length);
/* ASCII letters compare without their case. Most names that are looked for
 * differ in length already. */
static inline bool slice_equals_nocase(struct slice a, struct slice b) {
  return a.length == b.length && slice_same_nocase(a.at, b.at, a.length);
}
/* Without the spaces and tabs at both ends. */
struct slice slice_trim(struct slice text);
/* Cuts the part before the first `separator` off `rest` and returns it, or the
 * whole of it when there is none; `rest` is then empty with at == NULL.
 * Loop: while (rest.at) part = slice_cut(&rest, ','). */
struct slice slice_cut(struct slice *rest, char separator);
/* A number in decimal digits, of which there are one to `most` (19 at most);
 * leading zeros count. False for anything else; *value is then undefined. */
bool slice_number(struct slice text, size_t most, uint64_t *value);

#endif
