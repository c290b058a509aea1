/*
 * http_body - the body of a message, gathered: by its Content-Length, or
 * chunked (RFC 9112 6 and 7.1), which http_chunks takes apart, or, of an answer
 * only, all that comes until the connection ends.
 */
#ifndef RATCHET_PROTO_HTTP_BODY_H
#define RATCHET_PROTO_HTTP_BODY_H

#include "base/slice.h"
#include "http_head.h"

#include <stddef.h>

/* Owned by whoever reads: a connection from the end of the head until the
 * answer, a caller until the end of the answer. */
struct http_body;

/* What says where it ends (RFC 9112 6.3). */
enum http_framing { HTTP_BY_LENGTH, HTTP_BY_CHUNKS, HTTP_UNTIL_END };

enum http_body_state {
  HTTP_BODY_UNFINISHED,
  HTTP_BODY_WHOLE,
  HTTP_BODY_TOO_LARGE, /* 413 */
  HTTP_BODY_MALFORMED, /* 400 */
  HTTP_BODY_NO_MEMORY,
};

/* Has the request a body? */
bool http_head_has_body(const struct http_head *head);

/* For a head that http_head_parse took, and that has a body: what is needed of
 * it is copied. At most `limit` bytes of content. NULL when there is no memory.
 */
struct http_body *http_body_new(const struct http_head *head, size_t limit);
/* As that, for what a head is known to announce; `length` counts by length
 * only.
 */
struct http_body *http_body_new_framed(enum http_framing framing,
                                       uint64_t length, size_t limit);
/* Looks at bytes behind those it has seen; `used` says how many belong to it:
 * what follows a whole body is the next request. */
enum http_body_state http_body_feed(struct http_body *body, const char *bytes,
                                    size_t length, size_t *used);
/* The peer sends no more: whole, if that is what ends it. */
enum http_body_state http_body_end(struct http_body *body);
/* The content so far; valid until the next feed or the free. */
struct slice http_body_content(const struct http_body *body);
void http_body_free(struct http_body *body);

#endif
