#include "http_body.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <llhttp.h>

struct http_body {
  llhttp_t parser;
  llhttp_settings_t settings;
  struct buffer content;
  size_t limit;
  enum http_body_state state;
};

/* A callback that returns this stops llhttp where it stands. */
enum { STOP = HPE_USER };

static int stop(llhttp_t *parser, enum http_body_state state) {
  struct http_body *body = parser->data;
  body->state = state;
  return STOP;
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length) {
  struct http_body *body = parser->data;
  if (length > body->limit - body->content.length) {
    return stop(parser, HTTP_BODY_TOO_LARGE);
  }
  if (!buffer_append(&body->content, bytes, length)) {
    return stop(parser, HTTP_BODY_NO_MEMORY);
  }
  return 0;
}

static int on_message_complete(llhttp_t *parser) {
  struct http_body *body = parser->data;
  body->state = HTTP_BODY_WHOLE;
  return HPE_PAUSED;
}

/* What a Content-Length announces is judged before it comes. */
static int on_headers_complete(llhttp_t *parser) {
  struct http_body *body = parser->data;
  bool is_chunked = parser->flags & F_CHUNKED;
  if (!is_chunked && parser->content_length > body->limit) {
    body->state = HTTP_BODY_TOO_LARGE;
  }
  return 0;
}

bool http_head_has_body(const struct http_head *head) {
  return head->chunked || head->length > 0;
}

struct http_body *http_body_new(struct slice head, size_t limit) {
  struct http_body *body = mem_alloc_zeroed(1, sizeof *body);
  if (!body) return NULL;
  body->limit = limit;
  llhttp_settings_init(&body->settings);
  body->settings.on_headers_complete = on_headers_complete;
  body->settings.on_body = on_body;
  body->settings.on_message_complete = on_message_complete;
  llhttp_init(&body->parser, HTTP_REQUEST, &body->settings);
  body->parser.data = body;
  if (llhttp_execute(&body->parser, head.at, head.length) != HPE_OK) {
    body->state = HTTP_BODY_MALFORMED;
  }
  return body;
}

enum http_body_state http_body_feed(struct http_body *body, const char *bytes,
                                    size_t length, size_t *used) {
  *used = 0;
  if (body->state != HTTP_BODY_UNFINISHED || length == 0) return body->state;
  llhttp_errno_t error = llhttp_execute(&body->parser, bytes, length);
  *used = length;
  if (error == HPE_OK) return body->state;
  *used = (size_t)(llhttp_get_error_pos(&body->parser) - bytes);
  if (body->state == HTTP_BODY_UNFINISHED) body->state = HTTP_BODY_MALFORMED;
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
