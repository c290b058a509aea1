/*
 * support_starve - takes memory away: the n-th allocation from now fails, and
 * each one after it when that is asked for, of one of the three places where
 * memory comes from.
 */
#ifndef RATCHET_TESTS_SUPPORT_STARVE_H
#define RATCHET_TESTS_SUPPORT_STARVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum starved {
  STARVE_CORE, /* base/mem.h: the core's, libuv's and zlib's */
  STARVE_LUA,  /* what a state made with starve_lua_allocate asks for */
  /* malloc, calloc and realloc, whoever calls them on this thread: mbedTLS,
   * luv, cjson, hiredis, the C library, and base/mem.h */
  STARVE_HEAP,
  STARVED_PLACES,
};

/* "the core's", "Lua's", "the heap's" */
const char *starve_name(enum starved place);

/* `nth` 0: none fails, but they are counted. One at a time. */
void starve(enum starved place, uint64_t nth, bool is_sticky);
/* What happens in between neither fails nor counts: it is the test's. */
void starve_pause(void);
void starve_resume(void);
/* Ends it: was there an n-th? */
bool starve_end(void);
/* How many allocations it has counted; after starve_end too. */
uint64_t starve_count(void);

/* For script_options.allocate. */
void *starve_lua_allocate(void *owner, void *block, size_t old_size,
                          size_t new_size);
/* Lua's blocks that are not freed. */
int64_t starve_lua_held(void);

#endif
