#include "support_starve.h"

#include "base/mem.h"

#include <stdlib.h>

/* Of the thread of the test alone: the pools of libuv and the sanitizers have
 * threads too. */
static _Thread_local struct {
  enum starved place;
  uint64_t nth, count;
  bool is_sticky, is_on, is_paused;
} hunger;

static int64_t lua_held;

const char *starve_name(enum starved place) {
  static const char *const names[] = {"the core's", "Lua's", "the heap's"};
  return names[place];
}

/* ---- the heap: the program's own functions come before the C library's */

#define PLAIN                                                                  \
  __attribute__((no_sanitize("address"))) __attribute__((no_sanitize("undefin" \
                                                                     "ed")))

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#define IS_SANITIZED __has_feature(address_sanitizer)
#else
#define IS_SANITIZED 0
#endif

/* NOLINTBEGIN: these names are theirs */
#if IS_SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *block, size_t size);

PLAIN static bool is_refused(enum starved place) {
  if (!hunger.is_on || hunger.is_paused || hunger.place != place) return false;
  uint64_t count = ++hunger.count;
  if (hunger.nth == 0) return false;
  return count == hunger.nth || (hunger.is_sticky && count > hunger.nth);
}

PLAIN void *malloc(size_t size) {
  return is_refused(STARVE_HEAP) ? NULL : REAL(malloc)(size);
}

PLAIN void *calloc(size_t count, size_t size) {
  return is_refused(STARVE_HEAP) ? NULL : REAL(calloc)(count, size);
}

PLAIN void *realloc(void *block, size_t size) {
  return is_refused(STARVE_HEAP) ? NULL : REAL(realloc)(block, size);
}
/* NOLINTEND */

/* ---- Lua's: what shrinks does not fail, as LuaJIT's own does not */

void *starve_lua_allocate(void *owner, void *block, size_t old_size,
                          size_t new_size) {
  (void)owner;
  if (new_size == 0) {
    if (block) lua_held--;
    free(block);
    return NULL;
  }
  bool grows = !block || new_size > old_size;
  if (grows && is_refused(STARVE_LUA)) return NULL;
  void *moved = REAL(realloc)(block, new_size);
  if (moved && !block) lua_held++;
  return moved;
}

int64_t starve_lua_held(void) {
  return lua_held;
}

/* ---- the core's: base/mem.h counts by itself */

static void begin_core(void) {
  bool came = hunger.nth > 0 && hunger.count >= hunger.nth;
  if (hunger.nth == 0 || (came && !hunger.is_sticky))
    mem_fail_at(0, false);
  else
    mem_fail_at(came ? 1 : hunger.nth - hunger.count, hunger.is_sticky);
}

static void end_core(void) {
  hunger.count += mem_requests();
  mem_fail_at(0, false);
}

/* ---- one of them */

void starve(enum starved place, uint64_t nth, bool is_sticky) {
  hunger.place = place;
  hunger.nth = nth;
  hunger.is_sticky = is_sticky;
  hunger.count = 0;
  hunger.is_paused = false;
  hunger.is_on = true;
  if (place == STARVE_CORE) begin_core();
}

void starve_pause(void) {
  if (!hunger.is_on || hunger.is_paused) return;
  hunger.is_paused = true;
  if (hunger.place == STARVE_CORE) end_core();
}

void starve_resume(void) {
  if (!hunger.is_on || !hunger.is_paused) return;
  hunger.is_paused = false;
  if (hunger.place == STARVE_CORE) begin_core();
}

bool starve_end(void) {
  starve_pause();
  hunger.is_on = false;
  return hunger.nth > 0 && hunger.count >= hunger.nth;
}

uint64_t starve_count(void) {
  return hunger.count;
}
