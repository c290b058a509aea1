#include "pool.h"

#include "mem.h"

#include <stdint.h>

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
  EVEN_STEP = 64, /* up to EVEN_MOST; behind it, four steps to each doubling */
  EVEN_MOST = 512,
  CLASSES = 20,
  KEPT_BYTES = 256 * 1024, /* of each size */
};

/* A block is at most a quarter larger than was asked for, but for the smallest:
 * what a slow peer is owed costs little more than its bytes. */
static const uint16_t sizes[CLASSES] = {
    64,  128,  192,  256,  320,  384,  448,  512,  640,  768,
    896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096,
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
  unsigned long long last = size > 0 ? size - 1 : 0;
  if (last < EVEN_MOST) return (unsigned)(last / EVEN_STEP);
  unsigned doubling = 63 - (unsigned)__builtin_clzll(last); /* 9 is 513.. */
  return doubling * 4 + (unsigned)(last >> (doubling - 2)) - 32;
}

void *pool_take(size_t size) {
  unsigned class = class_of(size);
  if (class >= CLASSES) return mem_alloc(size);
  struct free_block *block = classes[class].first;
  if (!block) return mem_alloc(sizes[class]);
  classes[class].first = block->next;
  classes[class].kept -= sizes[class];
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
  classes[class].kept += sizes[class];
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
