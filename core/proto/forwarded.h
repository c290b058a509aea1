/*
 * forwarded - whom a request comes from, as the proxies on its way say:
 * Forwarded (RFC 7239), or X-Forwarded-For and X-Forwarded-Proto.
 *
 * Each proxy adds to the right whom it had the request from; what stands to the
 * left of the first address that is no trusted proxy may be invented. So both
 * are read from right to left, and no further than that address. Something that
 * is no address (unknown, _hidden, anything malformed) ends the walk too: then
 * the last trusted proxy is all that is known.
 */
#ifndef RATCHET_PROTO_FORWARDED_H
#define RATCHET_PROTO_FORWARDED_H

#include "base/network.h"
#include "http_head.h"

struct forwarded {
  struct address client; /* port 0: not told */
  bool is_secure;        /* the client spoke TLS */
};

/* `peer` is whom the request came from, who must be trusted for anything to be
 * believed. Forwarded counts before the other two. Many proxies add to one kind
 * and pass the other on as the client sent it: when both are there and name
 * different clients neither is believed, and false is returned; the result is
 * then the peer. */
bool forwarded_read(const struct http_head *head,
                    const struct networks *trusted, struct address peer,
                    struct forwarded *result);

#endif
