/*
 * test_mem - the counting, and the failures that other tests rely on.
 */
#include "base/mem.h"
#include "check.h"

#include <string.h>

TEST(mem_counts_what_is_held) {
  int64_t before = mem_in_use();
  void *a = mem_alloc(1), *b = mem_alloc_zeroed(3, 5);
  CHECK_EQ(mem_in_use(), before + 2);

  a = mem_resize(a, 1000);
  CHECK_EQ(mem_in_use(), before + 2);

  mem_free(a);
  mem_free(b);
  mem_free(NULL);
  CHECK_EQ(mem_in_use(), before);
}

TEST(mem_adds_up_what_is_used) {
  size_t before = mem_used();
  mem_forget_most();
  char *block = mem_alloc(100 * 1000);
  CHECK(mem_used() >= before + 100 * 1000);
  block = mem_resize(block, 300 * 1000);
  CHECK(mem_used() >= before + 300 * 1000);
  block = mem_resize(block, 1000);
  CHECK(mem_used() < before + 100 * 1000);
  void *zeroed = mem_alloc_zeroed(1000, 50);
  CHECK(mem_used() >= before + 50 * 1000);

  mem_free(block);
  mem_free(zeroed);
  CHECK_EQ(mem_used(), before);
  CHECK(mem_used_most() >= before + 300 * 1000);
  mem_forget_most();
  CHECK_EQ(mem_used_most(), before);
}

TEST(mem_that_fails_uses_nothing) {
  size_t before = mem_used();
  void *block = mem_alloc(1000);
  size_t with_block = mem_used();
  mem_fail_at(1, true);
  CHECK(mem_alloc(1000) == NULL);
  CHECK(mem_alloc_zeroed(10, 10) == NULL);
  CHECK(mem_resize(block, 100 * 1000) == NULL);
  CHECK_EQ(mem_used(), with_block);
  mem_fail_at(0, false);
  mem_free(block);
  CHECK_EQ(mem_used(), before);
}

TEST(mem_gives_a_block_for_size_zero) {
  void *a = mem_alloc(0), *b = mem_alloc_zeroed(0, 8);

  CHECK(a && b);
  a = mem_resize(a, 0);
  CHECK(a != NULL);
  mem_free(a);
  mem_free(b);
}

TEST(mem_zeroes_and_resizes_from_nothing) {
  uint8_t zero[64] = {0};
  uint8_t *a = mem_alloc_zeroed(8, 8);
  CHECK_BYTES(a, 64, zero, 64);

  char *b = mem_resize(NULL, 4);
  memcpy(b, "abc", 4);
  b = mem_resize(b, 4096);
  CHECK_TEXT(b, "abc");
  mem_free(a);
  mem_free(b);
}

TEST(mem_refuses_a_product_that_overflows) {
  volatile size_t half = SIZE_MAX / 2; /* or the compiler warns */
  int64_t before = mem_in_use();

  CHECK(mem_alloc_zeroed(half, 3) == NULL);
  CHECK_EQ(mem_in_use(), before);
}

TEST(mem_fails_once) {
  mem_fail_at(2, false);
  void *a = mem_alloc(1), *b = mem_alloc(1), *c = mem_alloc(1);

  CHECK(a && !b && c);
  CHECK_EQ(mem_requests(), 3);
  mem_free(a);
  mem_free(c);
}

TEST(mem_fails_for_good) {
  mem_fail_at(2, true);
  void *a = mem_alloc(1);
  CHECK(a != NULL);
  CHECK(mem_alloc_zeroed(1, 1) == NULL);
  CHECK(mem_resize(a, 100) == NULL);

  mem_fail_at(0, false);
  a = mem_resize(a, 100);
  CHECK(a != NULL);
  CHECK_EQ(mem_requests(), 1);
  mem_free(a);
}
