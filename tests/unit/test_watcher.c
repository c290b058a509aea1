/* test_watcher - what is late is told, what is not is not, and sleep ends. */
#include "base/watcher.h"
#include "check.h"

#include <time.h>

struct seen {
  _Atomic uint32_t run;
  _Atomic int count;
};

static void note_late(void *owner, uint32_t run, uint64_t since) {
  struct seen *seen = owner;
  (void)since;
  atomic_store(&seen->run, run);
  atomic_fetch_add(&seen->count, 1);
}

static void pause_for(long milliseconds) {
  struct timespec span = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&span, NULL);
}

/* Until something was late, for ten seconds at most. */
static bool wait_for_late(struct seen *seen) {
  for (int i = 0; i < 10000 && atomic_load(&seen->count) == 0; i++)
    pause_for(1);
  return atomic_load(&seen->count) > 0;
}

TEST(watcher_that_was_not_started_only_counts) {
  struct watcher watcher = {0};
  watcher_begin_run(&watcher);
  CHECK(watcher_is_in_run(&watcher));
  watcher_next_run(&watcher);
  CHECK(watcher_is_in_run(&watcher));
  watcher_end_run(&watcher);
  CHECK(!watcher_is_in_run(&watcher));
  watcher_stop(&watcher);
}

TEST(watcher_tells_of_the_run_that_is_late) {
  struct watcher watcher = {0};
  struct seen seen = {0};
  CHECK(watcher_start(&watcher, note_late, &seen));
  watcher_begin_run(&watcher);
  pause_for(60);
  CHECK_EQ(seen.count, 0); /* no limit yet */
  watcher_set_limit(&watcher, 20);
  CHECK(wait_for_late(&seen));
  CHECK_EQ(seen.run, watcher_count(&watcher));
  watcher_end_run(&watcher);
  watcher_stop(&watcher);
}

TEST(watcher_is_woken_by_a_run) {
  struct watcher watcher = {0};
  struct seen seen = {0};
  CHECK(watcher_start(&watcher, note_late, &seen));
  watcher_set_limit(&watcher, 20);
  for (int i = 0; i < 10000 && !atomic_load(&watcher.is_asleep); i++)
    pause_for(1);
  CHECK(atomic_load(&watcher.is_asleep));
  pause_for(60); /* it says so one look before it does */
  CHECK_EQ(seen.count, 0);
  watcher_begin_run(&watcher);
  CHECK(wait_for_late(&seen));
  watcher_end_run(&watcher);
  watcher_stop(&watcher);
}

TEST(watcher_stops_while_it_sleeps) {
  struct watcher watcher = {0};
  struct seen seen = {0};
  CHECK(watcher_start(&watcher, note_late, &seen));
  for (int i = 0; i < 10000 && !atomic_load(&watcher.is_asleep); i++)
    pause_for(1);
  pause_for(60);
  watcher_stop(&watcher);
  CHECK_EQ(seen.count, 0);
}
