/* test_tally - connections are counted by address. */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "server/tally.h"

#include <stdio.h>

static struct address of(const char *text) {
  struct address address = {0};
  CHECK(address_parse(slice_of(text), &address));
  return address;
}

static bool enter(struct tally *tally, const char *text) {
  struct address address = of(text);
  return tally_enter(tally, &address);
}

static void leave(struct tally *tally, const char *text) {
  struct address address = of(text);
  tally_leave(tally, &address);
}

static int count(const struct tally *tally, const char *text) {
  struct address address = of(text);
  return (int)tally_count(tally, &address);
}

TEST(tally_counts_each_address) {
  struct tally tally = {0};

  CHECK_EQ(count(&tally, "192.0.2.1"), 0);
  CHECK(enter(&tally, "192.0.2.1") && enter(&tally, "192.0.2.1"));
  CHECK(enter(&tally, "192.0.2.2"));
  CHECK_EQ(count(&tally, "192.0.2.1"), 2);
  CHECK_EQ(count(&tally, "192.0.2.2"), 1);
  CHECK_EQ(count(&tally, "192.0.2.3"), 0);
  leave(&tally, "192.0.2.1");
  leave(&tally, "192.0.2.2");
  CHECK_EQ(count(&tally, "192.0.2.1"), 1);
  CHECK_EQ(count(&tally, "192.0.2.2"), 0);
  CHECK_EQ(tally.count, 1);
  tally_free(&tally);
}

TEST(tally_counts_ipv6_by_64_bits) {
  struct tally tally = {0};

  CHECK(enter(&tally, "2001:db8:1:2::1") && enter(&tally, "2001:db8:1:2:f::"));
  CHECK_EQ(count(&tally, "2001:db8:1:2:ffff::9"), 2);
  CHECK_EQ(count(&tally, "2001:db8:1:3::1"), 0);
  tally_free(&tally);
}

TEST(tally_grows_and_gives_back) {
  struct tally tally = {0};
  char text[32];

  pool_drain();
  int64_t held = mem_in_use();
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "192.0.%d.%d", i / 250, i % 250);
    CHECK(enter(&tally, text));
  }
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "192.0.%d.%d", i / 250, i % 250);
    CHECK_EQ(count(&tally, text), 1);
    if (i % 2) leave(&tally, text);
  }
  CHECK_EQ(tally.count, 500);
  tally_free(&tally);
  pool_drain();
  CHECK_EQ(mem_in_use(), held);
}

TEST(tally_without_memory_counts_nothing) {
  for (uint64_t n = 1; n <= 2; n++) {
    struct tally tally = {0};
    pool_drain();
    mem_fail_at(n, false);
    CHECK(!enter(&tally, "192.0.2.1"));
    mem_fail_at(0, false);
    CHECK_EQ(count(&tally, "192.0.2.1"), 0);
    CHECK(enter(&tally, "192.0.2.1"));
    tally_free(&tally);
  }
}
