/* test_address - where a peer is, as bytes and as text. */
#include "base/address.h"
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static struct address address_of_text(const char *text, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

  if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
    return address_of((struct sockaddr *)&in);
  }
  CHECK_EQ(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
  return address_of((struct sockaddr *)&in6);
}

static void check_address(const char *text, int family, const char *written) {
  struct address address = address_of_text(text, 4321);
  char shown[ADDRESS_TEXT_MAX];

  check_context("%s", text);
  memset(shown, 'x', sizeof shown);
  address_format(&address, shown);
  CHECK_EQ(address.family, family);
  CHECK_EQ(address.port, 4321);
  CHECK_TEXT(shown, written);
}

TEST(address_is_written_as_text) {
  check_address("127.0.0.1", 4, "127.0.0.1");
  check_address("255.255.255.255", 4, "255.255.255.255");
  check_address("::1", 6, "::1");
  check_address("2001:db8::1", 6, "2001:db8::1");
  check_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6,
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(address_that_is_mapped_is_ipv4) {
  check_address("::ffff:192.0.2.1", 4, "192.0.2.1");
  check_address("::192.0.2.1", 6, "::192.0.2.1");
}

TEST(address_may_be_none) {
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  struct address address = address_of((struct sockaddr *)&un);
  char shown[ADDRESS_TEXT_MAX] = "x";

  CHECK_EQ(address.family, 0);
  address_format(&address, shown);
  CHECK_TEXT(shown, "");
}
