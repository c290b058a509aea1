/* test_network - addresses and networks as one writes them, and who is in. */
#include "base/network.h"
#include "check.h"

static bool is_in(const char *address, const char *network) {
  struct network parsed;
  struct address whom = {0};

  check_context("%s in %s", address, network);
  if (*address) CHECK(address_parse(slice_of(address), &whom));
  CHECK(network_parse(slice_of(network), &parsed));
  return network_has(&parsed, &whom);
}

TEST(network_is_as_wide_as_its_prefix) {
  CHECK(is_in("127.0.0.1", "127.0.0.1"));
  CHECK(!is_in("127.0.0.2", "127.0.0.1"));
  CHECK(is_in("10.255.255.255", "10.0.0.0/8"));
  CHECK(!is_in("11.0.0.0", "10.0.0.0/8"));
  CHECK(is_in("10.1.2.3", "10.9.9.9/8"));
  CHECK(is_in("192.0.2.127", "192.0.2.0/25"));
  CHECK(!is_in("192.0.2.128", "192.0.2.0/25"));
  CHECK(is_in("255.1.2.3", "0.0.0.0/0"));
  CHECK(is_in("192.0.2.1", "192.0.2.1/32"));
  CHECK(is_in("::1", "::1"));
  CHECK(!is_in("::2", "::1"));
  CHECK(is_in("fdff::1", "fd00::/8"));
  CHECK(!is_in("fe00::1", "fd00::/8"));
  CHECK(is_in("2001:db8::ff", "2001:db8::/121") == false);
  CHECK(is_in("2001:db8::7f", "2001:db8::/121"));
  CHECK(is_in("ffff::", "::/0"));
}

TEST(network_is_of_one_family) {
  CHECK(!is_in("::1", "0.0.0.0/0"));
  CHECK(!is_in("127.0.0.1", "::/0"));
  CHECK(!is_in("", "0.0.0.0/0"));
  CHECK(is_in("", "unix"));
  CHECK(!is_in("0.0.0.0", "unix"));
  CHECK(is_in("::ffff:10.0.0.1", "10.0.0.0/8"));
  CHECK(is_in("10.0.0.1", "::ffff:10.0.0.0/104"));
  CHECK(is_in("10.0.0.1", "::ffff:10.0.0.1"));
}

TEST(network_that_is_none_is_refused) {
  static const char *const bad[] = {"",
                                    "localhost",
                                    "10.0.0.0/33",
                                    "10.0.0.0/",
                                    "10.0.0/8",
                                    "10.0.0.0/-1",
                                    "10.0.0.0/8/8",
                                    "10.0.0.0/08",
                                    "/8",
                                    "10.0.0.0/8 ",
                                    " 10.0.0.0",
                                    "fd00::/129",
                                    "[::1]",
                                    "::1%lo",
                                    "10.0.0.0/1000",
                                    "10.0.0.0/+8",
                                    "unix/0",
                                    "::ffff:1.1.1.1/8",
                                    "010.0.0.1",
                                    "1.2.3.4.5",
                                    "UNIX",
                                    "127.0.0.1:80",
                                    "10.0.0.0/0x8",
                                    "10.0.0.256",
                                    "*",
                                    "10.*",
                                    "1:2:3:4:5:6:7:8:9"};

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct network network;
    check_context("%s", bad[i]);
    CHECK(!network_parse(slice_of(bad[i]), &network));
  }
  struct network network;
  check_no_context();
  CHECK(!network_parse((struct slice){"10.0.0.0\0", 9}, &network));
}

TEST(networks_have_what_one_of_them_has) {
  struct network list[2];
  struct networks both = {2, list}, none = {0, NULL};
  struct address address;

  CHECK(network_parse(SLICE("10.0.0.0/8"), &list[0]));
  CHECK(network_parse(SLICE("::1"), &list[1]));
  CHECK(address_parse(SLICE("::1"), &address));
  CHECK(networks_have(&both, &address));
  CHECK(!networks_have(&none, &address));
  CHECK(address_parse(SLICE("11.0.0.1"), &address));
  CHECK(!networks_have(&both, &address));
}
