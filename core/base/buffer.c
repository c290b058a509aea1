#include "buffer.h"

#include "mem.h"

#include <string.h>

bool buffer_reserve(struct buffer *buffer, size_t more) {
  size_t needed = buffer->length + more;
  if (needed <= buffer->capacity) return true;
  size_t capacity = buffer->capacity * 2;
  if (capacity < needed) capacity = needed;
  if (capacity < 128) capacity = 128;
  uint8_t *bytes = mem_resize(buffer->bytes, capacity);
  if (!bytes) return false;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
  if (length == 0) return true;
  if (!buffer_reserve(buffer, length)) return false;
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text) {
  return buffer_append(buffer, text, strlen(text));
}

void buffer_consume(struct buffer *buffer, size_t length) {
  if (length == buffer->length) {
    buffer_free(buffer);
    return;
  }
  memmove(buffer->bytes, buffer->bytes + length, buffer->length - length);
  buffer->length -= length;
}

void buffer_free(struct buffer *buffer) {
  mem_free(buffer->bytes);
  *buffer = (struct buffer){0};
}
