/*
 * buffer - bytes that grow. Owns them; all zero is an empty buffer, which has
 * no memory.
 */
#ifndef RATCHET_BASE_BUFFER_H
#define RATCHET_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *bytes;
  size_t length, capacity;
};

/* Room for `more` bytes after the length. False when there is no memory; the
 * buffer is then as it was. */
bool buffer_reserve(struct buffer *buffer, size_t more);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length);
bool buffer_append_text(struct buffer *buffer, const char *text);
/* Drops the first `length` bytes; an emptied buffer gives its memory back. */
void buffer_consume(struct buffer *buffer, size_t length);
void buffer_free(struct buffer *buffer);

#endif
