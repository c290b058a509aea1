#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static struct address address_of_v4(const struct sockaddr_in *in) {
  struct address address = {.family = 4, .port = ntohs(in->sin_port)};
  memcpy(address.bytes, &in->sin_addr, 4);
  return address;
}

static struct address address_of_v6(const struct sockaddr_in6 *in) {
  struct address address = {.family = 6, .port = ntohs(in->sin6_port)};
  const uint8_t *bytes = in->sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
    address.family = 4;
    memcpy(address.bytes, bytes + 12, 4);
    return address;
  }
  memcpy(address.bytes, bytes, 16);
  return address;
}

struct address address_of(const struct sockaddr *sockaddr) {
  if (sockaddr->sa_family == AF_INET) {
    return address_of_v4((const struct sockaddr_in *)(const void *)sockaddr);
  }
  if (sockaddr->sa_family == AF_INET6) {
    return address_of_v6((const struct sockaddr_in6 *)(const void *)sockaddr);
  }
  return (struct address){0};
}

void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_MAX]) {
  text[0] = '\0';
  if (address->family == 0) return;
  int family = address->family == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, address->bytes, text, ADDRESS_TEXT_MAX);
}
