/*
 * http_bytes - the character classes of RFC 9110 and 3986, for the files that
 * read HTTP heads. Letters are ASCII letters whatever the locale says.
 */
#ifndef RATCHET_PROTO_HTTP_BYTES_H
#define RATCHET_PROTO_HTTP_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool http_is_letter(uint8_t byte) {
  return (uint8_t)((byte | 0x20) - 'a') < 26;
}

static inline bool http_is_digit(uint8_t byte) {
  return (uint8_t)(byte - '0') < 10;
}

static inline bool http_is_one_of(uint8_t byte, const char *set) {
  return byte != '\0' && strchr(set, byte);
}

static inline bool http_is_token_byte(uint8_t byte) {
  return http_is_letter(byte) || http_is_digit(byte) ||
         http_is_one_of(byte, "-_!#$%&'*+.^`|~");
}

/* Field values may hold bytes from 0x80 on: obs-text, RFC 9110 5.5. */
static inline bool http_is_value_byte(uint8_t byte) {
  return (byte >= ' ' && byte != 0x7F) || byte == '\t';
}

#endif
