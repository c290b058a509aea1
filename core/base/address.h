/*
 * address - where a peer is: an IP address with its port, small enough to be
 * kept for each connection.
 */
#ifndef RATCHET_BASE_ADDRESS_H
#define RATCHET_BASE_ADDRESS_H

#include "slice.h"

#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 46 };

struct address {
  uint8_t family; /* 4, 6, or 0 for one without an address (a unix socket) */
  uint16_t port;
  uint8_t bytes[16];
};

struct address address_of(const struct sockaddr *sockaddr);
/* An IP address without brackets, port or zone; the port is 0. False for
 * anything else. "::ffff:192.0.2.1" is the IPv4 address in it. */
bool address_parse(struct slice text, struct address *address);
/* The same host? Ports are not compared. */
bool address_equals(const struct address *a, const struct address *b);
/* "192.0.2.1", "2001:db8::1", or "" without one. An IPv4 address that came over
 * an IPv6 socket is written as IPv4. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_MAX]);

#endif
