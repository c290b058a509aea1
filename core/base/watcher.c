#include "watcher.h"

#include <limits.h>
#include <signal.h>
#include <time.h>

enum {
  LONGEST_PAUSE = 25, /* ms between two looks */
  QUIET_SPAN = 1000,  /* ms without a run before it goes to sleep */
  STACK_SIZE = 64 * 1024,
};

uint64_t watcher_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Four looks within the limit. */
static void pause_between_looks(uint32_t limit) {
  long pause =
      limit > 0 && limit / 4 < LONGEST_PAUSE ? limit / 4 : LONGEST_PAUSE;
  struct timespec span = {0, (pause > 0 ? pause : 1) * 1000000};
  nanosleep(&span, NULL);
}

void watcher_wake(struct watcher *watcher) {
  if (atomic_exchange(&watcher->is_asleep, false)) sem_post(&watcher->wake);
}

static void sleep_until_woken(struct watcher *watcher) {
  while (sem_wait(&watcher->wake) != 0) continue;
}

/* Called at a look that finds nothing running, and nothing that ran since the
 * look before. It says that it sleeps one look before it does: the count of a
 * run that began without having read that has arrived by then, so that neither
 * side needs a fence. */
static void rest(struct watcher *watcher, uint64_t quiet_since) {
  if (atomic_load(&watcher->is_asleep))
    sleep_until_woken(watcher);
  else if (watcher_now() - quiet_since >= QUIET_SPAN)
    atomic_store(&watcher->is_asleep, true);
}

static void *watch(void *argument) {
  struct watcher *watcher = argument;
  uint32_t seen = watcher_count(watcher);
  uint64_t since = watcher_now();
  while (!atomic_load(&watcher->is_ending)) {
    uint32_t limit = atomic_load(&watcher->limit);
    pause_between_looks(limit);
    uint32_t count = atomic_load(&watcher->count);
    if (count != seen) {
      seen = count;
      since = watcher_now();
    } else if (!(count & 1)) {
      rest(watcher, since);
    } else if (limit > 0 && watcher_now() - since >= limit) {
      watcher->late(watcher->owner, count, since);
    }
  }
  return NULL;
}

/* Signals are for the other threads. */
static bool create_thread(struct watcher *watcher) {
  sigset_t all, before;
  pthread_attr_t attributes;
  size_t stack_size = STACK_SIZE;
  if (stack_size < (size_t)PTHREAD_STACK_MIN) stack_size = PTHREAD_STACK_MIN;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  int error = pthread_create(&watcher->thread, &attributes, watch, watcher);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error == 0;
}

bool watcher_start(struct watcher *watcher,
                   void (*late)(void *owner, uint32_t run, uint64_t since),
                   void *owner) {
  watcher->late = late;
  watcher->owner = owner;
  sem_init(&watcher->wake, 0, 0);
  watcher->is_started = create_thread(watcher);
  if (!watcher->is_started) sem_destroy(&watcher->wake);
  return watcher->is_started;
}

void watcher_stop(struct watcher *watcher) {
  if (!watcher->is_started) return;
  atomic_store(&watcher->is_ending, true);
  sem_post(&watcher->wake);
  pthread_join(watcher->thread, NULL);
  sem_destroy(&watcher->wake);
  watcher->is_started = false;
}

void watcher_set_limit(struct watcher *watcher, uint32_t limit) {
  atomic_store(&watcher->limit, limit);
}
