#include "http_chunks.h"

#include "http_bytes.h"

enum state {
  STATE_SIZE,
  STATE_SIZE_SPACE, /* RFC 9112 7.1.1 forgives it before an extension */
  STATE_EXTENSION,
  STATE_SIZE_LF,
  STATE_CONTENT,
  STATE_CONTENT_CR,
  STATE_CONTENT_LF,
  STATE_TRAILER, /* the start of a line */
  STATE_TRAILER_NAME,
  STATE_TRAILER_VALUE,
  STATE_TRAILER_LF,
  STATE_END_LF,
  STATE_WHOLE,
  STATE_MALFORMED,
};

static enum state take_size(struct http_chunks *chunks, uint8_t byte) {
  int value = http_hex_value(byte);
  if (value >= 0) {
    if (chunks->digits == HTTP_CHUNKS_MAX_DIGITS) return STATE_MALFORMED;
    chunks->digits++;
    chunks->left = chunks->left << 4 | (uint64_t)value;
    return STATE_SIZE;
  }
  if (chunks->digits == 0) return STATE_MALFORMED;
  if (byte == '\r') return STATE_SIZE_LF;
  if (byte == ';') return STATE_EXTENSION;
  return byte == ' ' || byte == '\t' ? STATE_SIZE_SPACE : STATE_MALFORMED;
}

static enum state take_size_space(uint8_t byte) {
  if (byte == ';') return STATE_EXTENSION;
  return byte == ' ' || byte == '\t' ? STATE_SIZE_SPACE : STATE_MALFORMED;
}

/* Of an extension or a trailer's value: up to the CR. */
static enum state take_text(uint8_t byte, enum state same, enum state next) {
  if (byte == '\r') return next;
  return http_is_value_byte(byte) ? same : STATE_MALFORMED;
}

static enum state take_size_lf(struct http_chunks *chunks, uint8_t byte) {
  chunks->digits = 0;
  if (byte != '\n') return STATE_MALFORMED;
  return chunks->left > 0 ? STATE_CONTENT : STATE_TRAILER;
}

static enum state take_trailer(uint8_t byte) {
  if (byte == '\r') return STATE_END_LF;
  return http_is_token_byte(byte) ? STATE_TRAILER_NAME : STATE_MALFORMED;
}

static enum state take_trailer_name(uint8_t byte) {
  if (byte == ':') return STATE_TRAILER_VALUE;
  return http_is_token_byte(byte) ? STATE_TRAILER_NAME : STATE_MALFORMED;
}

static enum state expect(uint8_t byte, char wanted, enum state next) {
  return byte == (uint8_t)wanted ? next : STATE_MALFORMED;
}

static enum state take_byte(struct http_chunks *chunks, uint8_t byte) {
  switch ((enum state)chunks->state) {
  case STATE_SIZE: return take_size(chunks, byte);
  case STATE_SIZE_SPACE: return take_size_space(byte);
  case STATE_EXTENSION: return take_text(byte, STATE_EXTENSION, STATE_SIZE_LF);
  case STATE_SIZE_LF: return take_size_lf(chunks, byte);
  case STATE_CONTENT_CR: return expect(byte, '\r', STATE_CONTENT_LF);
  case STATE_CONTENT_LF: return expect(byte, '\n', STATE_SIZE);
  case STATE_TRAILER: return take_trailer(byte);
  case STATE_TRAILER_NAME: return take_trailer_name(byte);
  case STATE_TRAILER_VALUE:
    return take_text(byte, STATE_TRAILER_VALUE, STATE_TRAILER_LF);
  case STATE_TRAILER_LF: return expect(byte, '\n', STATE_TRAILER);
  case STATE_END_LF: return expect(byte, '\n', STATE_WHOLE);
  default: return (enum state)chunks->state;
  }
}

static bool is_extra(uint8_t state) {
  return state == STATE_SIZE_SPACE || state == STATE_EXTENSION ||
         state == STATE_TRAILER_NAME || state == STATE_TRAILER_VALUE;
}

static void take_framing(struct http_chunks *chunks, uint8_t byte) {
  chunks->state = (uint8_t)take_byte(chunks, byte);
  if (is_extra(chunks->state) && ++chunks->extra > HTTP_CHUNKS_MAX_EXTRA) {
    chunks->state = STATE_MALFORMED;
  }
}

size_t http_chunks_take(struct http_chunks *chunks, const char *bytes,
                        size_t length, struct slice *content) {
  size_t at = 0;
  while (at < length && chunks->state != STATE_CONTENT &&
         chunks->state < STATE_WHOLE) {
    take_framing(chunks, (uint8_t)bytes[at++]);
  }
  *content = (struct slice){bytes + at, 0};
  if (chunks->state != STATE_CONTENT) return at;
  size_t rest = length - at;
  content->length = rest < chunks->left ? rest : (size_t)chunks->left;
  chunks->left -= content->length;
  if (chunks->left == 0) chunks->state = STATE_CONTENT_CR;
  return at + content->length;
}

bool http_chunks_have_size(const struct http_chunks *chunks) {
  return chunks->state == STATE_CONTENT;
}

bool http_chunks_are_whole(const struct http_chunks *chunks) {
  return chunks->state == STATE_WHOLE;
}

bool http_chunks_are_malformed(const struct http_chunks *chunks) {
  return chunks->state == STATE_MALFORMED;
}
