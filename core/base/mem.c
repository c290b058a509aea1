/*
 * mem - malloc with three questions on top: how much is used, how many blocks
 * are still held, and what happens when there is no more?
 *
 * It is no allocator of its own. The last two are asked by tests only, so both
 * hang on one flag, `watched`, that the first mem_fail_at sets for good: a
 * server that nobody watches pays one well-predicted branch. Once watched, the
 * counters are atomic, because libuv's pool threads allocate too. What is used
 * is added up without a lock.
 */
#include "mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t used, most;
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

static size_t get(atomic_size_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void set(atomic_size_t *counter, size_t value) {
  atomic_store_explicit(counter, value, memory_order_relaxed);
}

static void *taken(void *block) {
  size_t now = get(&used) + (block ? malloc_usable_size(block) : 0);
  set(&used, now);
  if (now > get(&most)) set(&most, now);
  return block;
}

static void give(size_t size) {
  size_t now = get(&used);
  set(&used, now > size ? now - size : 0);
}

void *mem_alloc(size_t size) {
  if (size == 0) size = 1;
  if (!watched) return taken(malloc(size));
  return refuses() ? NULL : counted(taken(malloc(size)));
}

void *mem_alloc_zeroed(size_t count, size_t size) {
  size_t product;

  if (__builtin_mul_overflow(count, size, &product)) return NULL;
  if (product == 0) count = size = 1;
  if (!watched) return taken(calloc(count, size));
  return refuses() ? NULL : counted(taken(calloc(count, size)));
}

void *mem_resize(void *block, size_t size) {
  if (!block) return mem_alloc(size);
  if (size == 0) size = 1; /* realloc(block, 0) may free it. */
  if (watched && refuses()) return NULL;
  size_t before = malloc_usable_size(block);
  void *resized = realloc(block, size);
  if (!resized) return NULL;
  give(before);
  return taken(resized);
}

void mem_free(void *block) {
  if (!block) return;
  if (watched) atomic_fetch_sub(&held, 1);
  give(malloc_usable_size(block));
  free(block);
}

void mem_share_arena(void) {
  mallopt(M_ARENA_MAX, 1);
}

size_t mem_used(void) {
  return get(&used);
}

size_t mem_used_most(void) {
  return get(&most);
}

void mem_forget_most(void) {
  set(&most, get(&used));
}

void mem_trim(void) {
  malloc_trim(0);
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
