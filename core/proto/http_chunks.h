/*
 * http_chunks - the framing of a chunked body (RFC 9112 7.1), read strictly: a
 * size is hexadecimal digits, a line ends in CR LF, and what is not content
 * (extensions, trailers) is bounded. The llhttp that distributions package is
 * not that strict, and each difference has been a way to smuggle a request past
 * somebody. Extensions and trailers are passed over.
 */
#ifndef RATCHET_PROTO_HTTP_CHUNKS_H
#define RATCHET_PROTO_HTTP_CHUNKS_H

#include "base/slice.h"

#include <stdint.h>

enum {
  HTTP_CHUNKS_MAX_DIGITS = 16,
  HTTP_CHUNKS_MAX_EXTRA = 16 * 1024, /* extensions and trailers of one body */
};

/* Owned by whoever reads, by value; all zero is its start. */
struct http_chunks {
  uint8_t state;
  uint8_t digits; /* of the size so far */
  uint32_t extra; /* bytes of extensions and trailers so far */
  uint64_t left;  /* of the current chunk's content */
};

/* Takes framing up to and with the next run of content, which may be empty.
 * Returns how many of the bytes that is; there is more to take until it has
 * taken all of them, is whole, or is malformed. */
size_t http_chunks_take(struct http_chunks *chunks, const char *bytes,
                        size_t length, struct slice *content);
/* The line of a chunk's size has been taken, and `left` is what it said. */
bool http_chunks_have_size(const struct http_chunks *chunks);
/* The blank line behind the last chunk has been taken. */
bool http_chunks_are_whole(const struct http_chunks *chunks);
bool http_chunks_are_malformed(const struct http_chunks *chunks);

#endif
