/*
 * http_bytes - the character classes of RFC 9110 and 3986, for the files that
 * read and write HTTP heads. Letters are ASCII letters whatever the locale
 * says.
 */
#ifndef RATCHET_PROTO_HTTP_BYTES_H
#define RATCHET_PROTO_HTTP_BYTES_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool http_is_letter(uint8_t byte) {
  return (uint8_t)((byte | 0x20) - 'a') < 26;
}

static inline bool http_is_digit(uint8_t byte) {
  return (uint8_t)(byte - '0') < 10;
}

/* The value of a hexadecimal digit, or -1. */
static inline int http_hex_value(uint8_t byte) {
  if (http_is_digit(byte)) return byte - '0';
  uint8_t letter = (uint8_t)((byte | 0x20) - 'a');
  return letter < 6 ? letter + 10 : -1;
}

static inline bool http_is_hex(uint8_t byte) {
  return http_hex_value(byte) >= 0;
}

static inline bool http_is_one_of(uint8_t byte, const char *set) {
  return byte != '\0' && strchr(set, byte);
}

static inline bool http_is_token_byte(uint8_t byte) {
  return http_is_letter(byte) || http_is_digit(byte) ||
         http_is_one_of(byte, "-_!#$%&'*+.^`|~");
}

/* Is it a token (RFC 9110 5.6.2): at least one character, and none that
 * separates or quotes? */
static inline bool http_is_token(struct slice text) {
  for (size_t i = 0; i < text.length; i++) {
    if (!http_is_token_byte((uint8_t)text.at[i])) return false;
  }
  return text.length > 0;
}

/* Field values may hold bytes from 0x80 on: obs-text, RFC 9110 5.5. */
static inline bool http_is_value_byte(uint8_t byte) {
  return (byte >= ' ' && byte != 0x7F) || byte == '\t';
}

#endif
