/*
 * http_scan - the first pass over the head of an HTTP/1.x request: it walks the
 * bytes as they come, strictly, refuses at the first byte what the packaged
 * llhttp would let through (a bare LF or CR, a folded line, a space before the
 * colon, an empty name, control bytes, NUL, a method that is none, too many or
 * too long lines), and finds the end of the head.
 */
#ifndef RATCHET_PROTO_HTTP_SCAN_H
#define RATCHET_PROTO_HTTP_SCAN_H

#include "refusal.h"

#include <stddef.h>
#include <stdint.h>

enum { HTTP_MAX_HEADERS = 100 };

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

#endif
