/*
 * addresses - where a host may be reached, in the order in which it is to be
 * tried: that of the system (RFC 6724), families taking turns, so that a host
 * whose IPv6 leads nowhere costs a moment and not the whole time (RFC 8305).
 */
#ifndef RATCHET_NET_ADDRESSES_H
#define RATCHET_NET_ADDRESSES_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { ADDRESSES_MAX = 8 };

/* Owned by whoever embeds it; all zero: there are none. */
struct addresses {
  size_t count;
  struct sockaddr_storage list[ADDRESSES_MAX];
};

/* An IP address without brackets, which needs no lookup. False for anything
 * else. */
bool addresses_parse(struct addresses *addresses, const char *text, int port);
/* What a lookup has found, as far as there is room. */
void addresses_take(struct addresses *addresses, const struct addrinfo *found);

#endif
