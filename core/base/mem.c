/*
 * mem - malloc with two questions on top: how much is still held, and what
 * happens when there is no more?
 *
 * It is no allocator of its own. Both questions are asked by tests only, so
 * both hang on one flag, `watched`, that the first mem_fail_at sets for good:
 * a server that nobody watches pays one well-predicted branch. Once watched,
 * the counters are atomic, because libuv's pool threads allocate too.
 */
#include "mem.h"

#include <stdatomic.h>
#include <stdlib.h>

static bool watched;
static atomic_int_fast64_t held;
static atomic_uint_fast64_t requests;
static uint64_t fail_nth;
static bool fail_sticky;

static bool refuses(void) {
  uint64_t nth = atomic_fetch_add(&requests, 1) + 1;

  if (fail_nth == 0) return false;
  return nth == fail_nth || (fail_sticky && nth > fail_nth);
}

static void *counted(void *block) {
  if (block) atomic_fetch_add(&held, 1);
  return block;
}

void *mem_alloc(size_t size) {
  if (size == 0) size = 1;
  if (!watched) return malloc(size);
  return refuses() ? NULL : counted(malloc(size));
}

void *mem_alloc_zeroed(size_t count, size_t size) {
  size_t product;

  if (__builtin_mul_overflow(count, size, &product)) return NULL;
  if (product == 0) count = size = 1;
  if (!watched) return calloc(count, size);
  return refuses() ? NULL : counted(calloc(count, size));
}

void *mem_resize(void *block, size_t size) {
  if (!block) return mem_alloc(size);
  if (size == 0) size = 1; /* realloc(block, 0) may free it. */
  if (watched && refuses()) return NULL;
  return realloc(block, size);
}

void mem_free(void *block) {
  if (watched && block) atomic_fetch_sub(&held, 1);
  free(block);
}

void mem_fail_at(uint64_t nth, bool sticky) {
  watched = true;
  fail_nth = nth;
  fail_sticky = sticky;
  atomic_store(&requests, 0);
}

uint64_t mem_requests(void) {
  return atomic_load(&requests);
}

int64_t mem_in_use(void) {
  return atomic_load(&held);
}
