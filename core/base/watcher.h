/*
 * watcher - a thread that notices when another one has been at one thing for
 * long.
 *
 * The one that is watched counts its runs, at their begin and at their end: the
 * count is odd while one is under way. That is two stores a run and no look at
 * a clock. The watcher reads the count every few milliseconds; when it is the
 * same odd number for longer than the limit, it says so, at each look until it
 * changes. Where nothing runs for a second, the watcher sleeps without a limit,
 * and the next run wakes it: an idle process has no ticks.
 */
#ifndef RATCHET_BASE_WATCHER_H
#define RATCHET_BASE_WATCHER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Owned by whoever embeds it; may lie at zero, and then only counts. */
struct watcher {
  _Atomic uint32_t count; /* odd: a run is under way */
  _Atomic bool is_asleep; /* the next run wakes it */
  _Atomic bool is_ending;
  _Atomic uint32_t limit; /* ms; 0: nothing is late */
  /* Called by the watcher's own thread. `since`, of watcher_now, is when that
   * run was first seen: at most one look after it began. */
  void (*late)(void *owner, uint32_t run, uint64_t since);
  void *owner;
  pthread_t thread;
  sem_t wake;
  bool is_started;
};

/* Sees nothing late before a limit is set. False when there can be no thread.
 */
bool watcher_start(struct watcher *watcher,
                   void (*late)(void *owner, uint32_t run, uint64_t since),
                   void *owner);
/* Waits for its thread to end: a look at most. */
void watcher_stop(struct watcher *watcher);
/* Milliseconds; 0 for none. */
void watcher_set_limit(struct watcher *watcher, uint32_t limit);
/* Milliseconds; only differences mean something. */
uint64_t watcher_now(void);
void watcher_wake(struct watcher *watcher);

static inline uint32_t watcher_count(struct watcher *watcher) {
  return atomic_load_explicit(&watcher->count, memory_order_relaxed);
}

static inline bool watcher_is_in_run(struct watcher *watcher) {
  return watcher_count(watcher) & 1;
}

static inline void watcher_step(struct watcher *watcher, uint32_t steps) {
  atomic_store_explicit(&watcher->count, watcher_count(watcher) + steps,
                        memory_order_relaxed);
}

/* Only when none is under way. */
static inline void watcher_begin_run(struct watcher *watcher) {
  watcher_step(watcher, 1);
  if (atomic_load_explicit(&watcher->is_asleep, memory_order_relaxed)) {
    watcher_wake(watcher);
  }
}

static inline void watcher_end_run(struct watcher *watcher) {
  watcher_step(watcher, 1);
}

/* What is under way now counts as another run. */
static inline void watcher_next_run(struct watcher *watcher) {
  watcher_step(watcher, 2);
}

#endif
