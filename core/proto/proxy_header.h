/*
 * proxy_header - the PROXY protocol, versions 1 and 2: the header that a proxy
 * writes before everything else, to say whom it speaks for.
 */
#ifndef RATCHET_PROTO_PROXY_HEADER_H
#define RATCHET_PROTO_PROXY_HEADER_H

#include "base/address.h"

#include <stddef.h>

/* What a header of either version may be: the specification's bound on what a
 * receiver has to be able to take. */
enum { PROXY_HEADER_MAX = 536 };

enum proxy_header_result {
  PROXY_HEADER_UNFINISHED, /* more of it is needed first */
  PROXY_HEADER_WHOLE,
  PROXY_HEADER_MALFORMED,
};

struct proxy_header {
  size_t length;         /* bytes that are the header's */
  bool has_source;       /* false: UNKNOWN, LOCAL: the peer speaks for itself */
  struct address source; /* family 0: it came over a unix socket */
};

/* Looks at what has come so far, from its first byte; refuses at the first byte
 * that cannot be. `header` is filled when it is whole. Nothing is kept between
 * two calls: the header is short. */
enum proxy_header_result proxy_header_read(const void *bytes, size_t length,
                                           struct proxy_header *header);

#endif
