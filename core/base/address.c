#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static struct address address_of_v4(const struct sockaddr_in *in) {
  struct address address = {.family = 4, .port = ntohs(in->sin_port)};
  memcpy(address.bytes, &in->sin_addr, 4);
  return address;
}

static struct address address_of_in6(const struct in6_addr *in6,
                                     uint16_t port) {
  struct address address = {.family = 6, .port = port};
  if (IN6_IS_ADDR_V4MAPPED(in6)) {
    address.family = 4;
    memcpy(address.bytes, in6->s6_addr + 12, 4);
  } else {
    memcpy(address.bytes, in6->s6_addr, 16);
  }
  return address;
}

static struct address address_of_v6(const struct sockaddr_in6 *in) {
  return address_of_in6(&in->sin6_addr, ntohs(in->sin6_port));
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

bool address_parse(struct slice text, struct address *address) {
  char copy[ADDRESS_TEXT_MAX];
  struct in6_addr in6;
  if (text.length == 0 || text.length >= sizeof copy) return false;
  if (memchr(text.at, '\0', text.length)) return false;
  memcpy(copy, text.at, text.length);
  copy[text.length] = '\0';
  *address = (struct address){.family = 4};
  if (inet_pton(AF_INET, copy, address->bytes) == 1) return true;
  if (inet_pton(AF_INET6, copy, &in6) != 1) return false;
  *address = address_of_in6(&in6, 0);
  return true;
}

bool address_equals(const struct address *a, const struct address *b) {
  return a->family == b->family &&
         memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static char *format_byte(uint8_t byte, char *to) {
  if (byte >= 100) *to++ = (char)('0' + byte / 100);
  if (byte >= 10) *to++ = (char)('0' + byte / 10 % 10);
  *to++ = (char)('0' + byte % 10);
  return to;
}

/* inet_ntop prints these by sprintf, which takes 20 times as long; each request
 * has one. */
static void format_v4(const uint8_t bytes[4], char *to) {
  for (size_t i = 0; i < 4; i++) {
    to = format_byte(bytes[i], to);
    *to++ = i < 3 ? '.' : '\0';
  }
}

void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_MAX]) {
  text[0] = '\0';
  if (address->family == 4) format_v4(address->bytes, text);
  if (address->family == 6) {
    inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_MAX);
  }
}
