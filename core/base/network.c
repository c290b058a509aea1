#include "network.h"

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = 96 };

/* Without leading zeros; -1 for anything else. */
static int read_bits(struct slice text) {
  uint64_t bits;
  if (!slice_number(text, 3, &bits)) return -1;
  return text.length > 1 && text.at[0] == '0' ? -1 : (int)bits;
}

bool network_parse(struct slice text, struct network *network) {
  if (slice_equals(text, SLICE("unix"))) {
    *network = (struct network){0};
    return true;
  }
  struct slice rest = text, host = slice_cut(&rest, '/');
  if (!address_parse(host, &network->address)) return false;
  bool is_ipv4 = network->address.family == 4;
  int most = is_ipv4 ? IPV4_BITS : IPV6_BITS;
  int bits = rest.at ? read_bits(rest) : most;
  /* ::ffff:10.0.0.0/104 is an IPv4 network, written as IPv6. */
  if (rest.at && is_ipv4 && memchr(host.at, ':', host.length)) {
    bits -= MAPPED_BITS;
  }
  if (bits < 0 || bits > most) return false;
  network->bits = (uint8_t)bits;
  return true;
}

bool network_has(const struct network *network, const struct address *address) {
  const uint8_t *a = network->address.bytes, *b = address->bytes;
  size_t whole = network->bits / 8;
  unsigned left = network->bits % 8;
  if (network->address.family != address->family) return false;
  if (memcmp(a, b, whole) != 0) return false;
  return left == 0 || (a[whole] ^ b[whole]) >> (8 - left) == 0;
}

bool networks_have(const struct networks *networks,
                   const struct address *address) {
  for (size_t i = 0; i < networks->count; i++) {
    if (network_has(&networks->list[i], address)) return true;
  }
  return false;
}
