/*
 * http_head - the head of an HTTP/1.x request, parsed: the second pass over it.
 * The first is http_scan's, which has found where it ends and refused what two
 * servers could read in two ways; here llhttp takes it apart, and Host, target
 * and the framing of a body (RFC 9112 6.3) are judged.
 */
#ifndef RATCHET_PROTO_HTTP_HEAD_H
#define RATCHET_PROTO_HTTP_HEAD_H

#include "base/slice.h"
#include "http_scan.h"
#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The value of the n-th header of that name (0 is the first; names compare
 * without case); at == NULL when there is none. */
struct slice http_head_get(const struct http_head *head, const char *name,
                           size_t n);

/* Has any header of that name this item in its comma-separated list
 * (without case)? */
bool http_head_lists(const struct http_head *head, const char *name,
                     const char *item);

#endif
