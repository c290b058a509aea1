#include "pool.h"

#include "mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_OFF 1
#endif
#endif

#ifdef POOL_OFF

void *pool_take(size_t size) {
  return mem_alloc(size);
}

void pool_give(void *block, size_t size) {
  (void)size;
  mem_free(block);
}

void pool_drain(void) {
}

#else

enum {
  SMALLEST = 64,
  CLASSES = 7, /* 64, 128, ... 4096 */
  KEPT_BYTES = 2 * 1024 * 1024,
};

struct free_block {
  struct free_block *next;
};

/* Of the process: there is one loop in it, and blocks cross its layers. */
static struct {
  struct free_block *first;
  size_t kept;
} classes[CLASSES];

static unsigned class_of(size_t size) {
  if (size <= SMALLEST) return 0;
  return 58 - (unsigned)__builtin_clzll((unsigned long long)size - 1);
}

void *pool_take(size_t size) {
  unsigned class = class_of(size);
  if (class >= CLASSES) return mem_alloc(size);
  struct free_block *block = classes[class].first;
  if (!block) return mem_alloc((size_t)SMALLEST << class);
  classes[class].first = block->next;
  classes[class].kept -= (size_t)SMALLEST << class;
  return block;
}

void pool_give(void *block, size_t size) {
  unsigned class = class_of(size);
  if (class >= CLASSES || classes[class].kept >= KEPT_BYTES) {
    mem_free(block);
    return;
  }
  struct free_block *free_block = block;
  free_block->next = classes[class].first;
  classes[class].first = free_block;
  classes[class].kept += (size_t)SMALLEST << class;
}

void pool_drain(void) {
  for (unsigned class = 0; class < CLASSES; class ++) {
    while (classes[class].first) {
      struct free_block *block = classes[class].first;
      classes[class].first = block->next;
      mem_free(block);
    }
    classes[class].kept = 0;
  }
}

#endif
