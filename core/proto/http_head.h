/*
 * http_head - the head of an HTTP/1.x request: found, bounded, and parsed.
 *
 * Two passes. http_scan walks the bytes as they come, strictly: it refuses at
 * the first byte what the packaged llhttp would let through (a bare LF or CR, a
 * folded line, a space before the colon, an empty name, control bytes, NUL, a
 * method that is none, too many or too long lines) and finds the end of the
 * head. http_head_parse then lets llhttp take the complete head apart, and
 * judges the framing of a body (RFC 9112 6.3).
 */
#ifndef RATCHET_PROTO_HTTP_HEAD_H
#define RATCHET_PROTO_HTTP_HEAD_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_MAX_HEADERS = 100 };

/* An answer that ends the request: a status and one sentence for the log and,
 * in development, for the body. `reason` is a constant. */
struct refusal {
  int status; /* 0: nothing is wrong */
  const char *reason;
};

/* Where the scan stands; all zero is its start. */
struct http_scan {
  size_t at;         /* bytes looked at so far */
  size_t line_start; /* of the current line */
  uint8_t state;
  uint16_t headers;
};

/* Looks at bytes[scan->at .. length), which begin with the request line; the
 * bytes before must be the same as at the call before. Returns the size of the
 * head once its blank line is there, else 0; then either more is needed or
 * refusal->status says why not: 400, 414 (target), 431 (header too large, over
 * `max_size` bytes or HTTP_MAX_HEADERS lines), 505. */
size_t http_scan(struct http_scan *scan, const char *bytes, size_t length,
                 size_t max_size, struct refusal *refusal);

/* Goes on as in a head whose first line has been looked at elsewhere: `at` is
 * behind its LF. */
void http_scan_lines(struct http_scan *scan, size_t at);

struct http_header {
  struct slice name, value; /* the value without the white space round it */
};

/* A parsed head. All slices point into the bytes that were parsed. */
struct http_head {
  struct slice method, target;
  uint8_t major, minor;
  bool keep_alive; /* the client would go on with this connection */
  bool chunked;
  bool has_length;
  uint64_t length; /* Content-Length, 0 when there is none */
  size_t count;
  struct http_header headers[HTTP_MAX_HEADERS];
};

/* `bytes` is a whole head, as http_scan measured it. False with a refusal: 400
 * for what RFC 9112 forbids (no Host, two Hosts, a malformed Host or target,
 * Content-Length with Transfer-Encoding, two lengths, a transfer coding that
 * does not end in chunked), 501 for another coding before chunked and for a
 * method that llhttp does not know, 505 for another version than 1.0 and 1.1.
 * The target begins with a slash, or is an absolute URI (RFC 9112 3.2.2), or is
 * the asterisk of OPTIONS. An empty Host passes: RFC 9112 3.2 allows it. */
bool http_head_parse(struct http_head *head, const char *bytes, size_t length,
                     struct refusal *refusal);

/* Is it a token (RFC 9110 5.6.2): at least one character, and none that
 * separates or quotes? */
bool http_is_token(struct slice text);

/* The value of the n-th header of that name (0 is the first; names compare
 * without case); at == NULL when there is none. */
struct slice http_head_get(const struct http_head *head, const char *name,
                           size_t n);

/* Has any header of that name this item in its comma-separated list
 * (without case)? */
bool http_head_lists(const struct http_head *head, const char *name,
                     const char *item);

#endif
