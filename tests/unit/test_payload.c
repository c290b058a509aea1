/*
 * test_payload - a payload lives as long as its last reference, and gives a
 * borrowed body back exactly once.
 */
#include "base/mem.h"
#include "base/payload.h"
#include "base/pool.h"
#include "check.h"

#include <string.h>

/* The owner of borrowed bodies: what has been released. */
struct lender {
  int releases, tags;
};

static void release(void *owner, int tag) {
  struct lender *lender = owner;

  lender->releases++;
  lender->tags += tag;
}

TEST(payload_is_freed_with_its_last_reference) {
  pool_drain();
  int64_t before = mem_in_use();
  struct payload *payload = payload_new(5);

  memcpy(payload->head, "Hello", 5);
  CHECK_EQ(payload_length(payload), 5);
  CHECK_EQ(payload->body_length, 0);
  CHECK(payload_hold(payload) == payload);
  payload_drop(payload);
  CHECK_BYTES(payload->head, payload->head_length, "Hello", 5);
  payload_drop(payload);
  pool_drain();
  CHECK_EQ(mem_in_use(), before);
}

TEST(payload_copies_bytes) {
  struct payload *payload = payload_copy(SLICE("Hello"));

  CHECK_BYTES(payload->head, payload->head_length, "Hello", 5);
  payload_drop(payload);
  payload = payload_copy((struct slice){NULL, 0});
  CHECK_EQ(payload_length(payload), 0);
  payload_drop(payload);
}

TEST(payload_may_be_empty) {
  struct payload *payload = payload_new(0);

  CHECK_EQ(payload_length(payload), 0);
  payload_drop(payload);
}

TEST(payload_releases_its_body_once) {
  struct lender lender = {0, 0};
  struct payload *payload = payload_borrow(2, "body", 4, release, &lender, 7);

  CHECK_EQ(payload_length(payload), 6);
  for (int i = 0; i < 1000; i++) payload_hold(payload);
  for (int i = 0; i < 1000; i++) payload_drop(payload);
  CHECK_EQ(lender.releases, 0);
  payload_drop(payload);
  CHECK_EQ(lender.releases, 1);
  CHECK_EQ(lender.tags, 7);
}

TEST(payload_without_memory_releases_nothing) {
  struct lender lender = {0, 0};

  pool_drain();
  mem_fail_at(1, true);
  CHECK(payload_new(5) == NULL);
  CHECK(payload_borrow(2, "body", 4, release, &lender, 7) == NULL);
  mem_fail_at(0, false);
  CHECK_EQ(lender.releases, 0);
}

TEST(payload_head_may_be_large) {
  pool_drain();
  int64_t before = mem_in_use();
  struct payload *payload = payload_new(1 << 20);

  memset(payload->head, 'a', 1 << 20);
  payload_drop(payload);
  CHECK_EQ(mem_in_use(), before);
}
