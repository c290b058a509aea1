#include "http_body.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "http_chunks.h"

struct http_body {
  struct http_chunks chunks; /* else it is one chunk: chunks.left */
  struct buffer content;
  size_t limit;
  enum http_framing framing;
  enum http_body_state state;
};

bool http_head_has_body(const struct http_head *head) {
  return head->chunked || head->length > 0;
}

/* What is announced is judged before it comes. */
static bool is_too_large(const struct http_body *body) {
  return body->chunks.left > body->limit - body->content.length;
}

struct http_body *http_body_new_framed(enum http_framing framing,
                                       uint64_t length, size_t limit) {
  struct http_body *body = mem_alloc_zeroed(1, sizeof *body);
  if (!body) return NULL;
  body->limit = limit;
  body->framing = framing;
  if (framing == HTTP_UNTIL_END) body->chunks.left = UINT64_MAX;
  if (framing != HTTP_BY_LENGTH) return body;
  body->chunks.left = length;
  if (length == 0) body->state = HTTP_BODY_WHOLE;
  if (is_too_large(body)) body->state = HTTP_BODY_TOO_LARGE;
  return body;
}

struct http_body *http_body_new(const struct http_head *head, size_t limit) {
  return http_body_new_framed(head->chunked ? HTTP_BY_CHUNKS : HTTP_BY_LENGTH,
                              head->length, limit);
}

static size_t take_by_length(struct http_body *body, const char *bytes,
                             size_t length, struct slice *content) {
  content->at = bytes;
  content->length =
      length < body->chunks.left ? length : (size_t)body->chunks.left;
  body->chunks.left -= content->length;
  if (body->chunks.left == 0) body->state = HTTP_BODY_WHOLE;
  return content->length;
}

static size_t take_chunks(struct http_body *body, const char *bytes,
                          size_t length, struct slice *content) {
  size_t used = http_chunks_take(&body->chunks, bytes, length, content);
  if (http_chunks_are_whole(&body->chunks)) body->state = HTTP_BODY_WHOLE;
  if (http_chunks_are_malformed(&body->chunks)) {
    body->state = HTTP_BODY_MALFORMED;
  }
  return used;
}

/* Some bytes, up to the end of a chunk; what of them is content is kept. */
static size_t take(struct http_body *body, const char *bytes, size_t length) {
  struct slice content;
  bool is_chunked = body->framing == HTTP_BY_CHUNKS;
  size_t used = is_chunked ? take_chunks(body, bytes, length, &content)
                           : take_by_length(body, bytes, length, &content);
  bool fits = content.length <= body->limit - body->content.length;
  if (fits && !buffer_append(&body->content, content.at, content.length)) {
    body->state = HTTP_BODY_NO_MEMORY;
    return used;
  }
  /* A chunk is judged by its size, before its bytes come. */
  bool is_announced = body->state == HTTP_BODY_UNFINISHED && is_chunked &&
                      http_chunks_have_size(&body->chunks);
  if (!fits || (is_announced && is_too_large(body))) {
    body->state = HTTP_BODY_TOO_LARGE;
  }
  return used;
}

enum http_body_state http_body_feed(struct http_body *body, const char *bytes,
                                    size_t length, size_t *used) {
  *used = 0;
  while (*used < length && body->state == HTTP_BODY_UNFINISHED) {
    *used += take(body, bytes + *used, length - *used);
  }
  return body->state;
}

enum http_body_state http_body_end(struct http_body *body) {
  bool is_open =
      body->framing == HTTP_UNTIL_END && body->state == HTTP_BODY_UNFINISHED;
  if (is_open) body->state = HTTP_BODY_WHOLE;
  return body->state;
}

struct slice http_body_content(const struct http_body *body) {
  return (struct slice){(const char *)body->content.bytes,
                        body->content.length};
}

void http_body_free(struct http_body *body) {
  if (!body) return;
  buffer_free(&body->content);
  mem_free(body);
}
