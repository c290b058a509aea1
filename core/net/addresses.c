#include "addresses.h"

#include <string.h>
#include <uv.h>

bool addresses_parse(struct addresses *addresses, const char *text, int port) {
  struct sockaddr_storage *to = &addresses->list[0];
  bool is_one = uv_ip4_addr(text, port, (struct sockaddr_in *)to) == 0 ||
                uv_ip6_addr(text, port, (struct sockaddr_in6 *)to) == 0;
  addresses->count = is_one ? 1 : 0;
  return is_one;
}

static void add_address(struct addresses *addresses,
                        const struct addrinfo *found) {
  if (addresses->count == ADDRESSES_MAX) return;
  memcpy(&addresses->list[addresses->count++], found->ai_addr,
         found->ai_addrlen);
}

static const struct addrinfo *next_of(const struct addrinfo *found, int family,
                                      bool is_same) {
  while (found && (found->ai_family == family) != is_same)
    found = found->ai_next;
  return found;
}

void addresses_take(struct addresses *addresses, const struct addrinfo *found) {
  int family = found->ai_family;
  const struct addrinfo *first = found, *other = next_of(found, family, false);
  while (first || other) {
    if (first) {
      add_address(addresses, first);
      first = next_of(first->ai_next, family, true);
    }
    if (other) {
      add_address(addresses, other);
      other = next_of(other->ai_next, family, false);
    }
  }
}
