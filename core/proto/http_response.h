/*
 * http_response - the bytes of an HTTP/1.1 answer's head, and of the chunks of
 * its body (RFC 9112 7.1). Every answer has Date, and says where it ends.
 */
#ifndef RATCHET_PROTO_HTTP_RESPONSE_H
#define RATCHET_PROTO_HTTP_RESPONSE_H

#include "base/buffer.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* "Not Found" for 404; "Unknown" for a status without a name. */
const char *http_status_text(int status);

/* May these go into a header? A token as the name, no control bytes in the
 * value: CR and LF would let whoever chose the value write the answer. */
bool http_header_is_safe(struct slice name, struct slice value);

/* The status line and, but for 101, Date. */
bool http_response_start(struct buffer *to, int status);
bool http_response_header(struct buffer *to, struct slice name,
                          struct slice value);
/* Content-Length, Connection (unless it is empty), and the blank line. */
bool http_response_end(struct buffer *to, uint64_t content_length,
                       struct slice connection);
/* The same with Transfer-Encoding in place of a length. */
bool http_response_end_chunked(struct buffer *to, struct slice connection);
/* The same for an answer that has no body by its status, or one that ends with
 * the connection. */
bool http_response_end_empty(struct buffer *to, struct slice connection);
/* Has an answer with that status a body at all (RFC 9110 6.4.1, 8.6)? */
bool http_status_has_body(int status);

/* What stands before a chunk's content, behind which is a CR LF; returns its
 * length. `length` is not 0: that would be the end. */
enum { HTTP_CHUNK_SIZE_MAX = 2 * sizeof(size_t) + 3 };
size_t http_chunk_size(char to[HTTP_CHUNK_SIZE_MAX], size_t length);
/* The last chunk and no trailers. */
#define HTTP_LAST_CHUNK "0\r\n\r\n"

#endif
