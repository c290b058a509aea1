/* network - runs of addresses, such as 10.0.0.0/8, and lists of them. */
#ifndef RATCHET_BASE_NETWORK_H
#define RATCHET_BASE_NETWORK_H

#include "address.h"

#include <stddef.h>

struct network {
  struct address address;
  uint8_t bits; /* how many of its leading bits count */
};

/* Owned by whoever made it; the list is one block of base/mem.h. */
struct networks {
  size_t count;
  struct network *list;
};

/* "192.0.2.1", "10.0.0.0/8", "::1", "fd00::/8", or "unix": every peer without
 * an address. Bits of the address behind the prefix do not count. False for
 * anything else. */
bool network_parse(struct slice text, struct network *network);
bool network_has(const struct network *network, const struct address *address);
/* Is it in any of them? */
bool networks_have(const struct networks *networks,
                   const struct address *address);

#endif
