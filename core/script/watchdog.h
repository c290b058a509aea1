/*
 * watchdog - names a run of user code that holds the loop for long, and stops
 * one that does not end. How, and why it is safe: watchdog.c.
 */
#ifndef RATCHET_SCRIPT_WATCHDOG_H
#define RATCHET_SCRIPT_WATCHDOG_H

#include "base/watcher.h"

#include <lua.h>

/* Milliseconds; 0 for none. */
struct watchdog_limits {
  uint32_t slow, budget;
};

/* Part of the script. May lie at zero, and then watches nothing. */
struct watchdog {
  struct watcher watcher;
  lua_State *L;     /* the main one; NULL: not started */
  pthread_t thread; /* that runs user code, and gets the signal */
  const char *what; /* runs: "onMessage" */
  struct watchdog_limits limits, wanted;
  _Atomic uint32_t budget; /* limits.budget, for the watcher */
  bool is_loading;         /* `wanted` holds from its end on */
  int message;             /* in the registry: what a stopped run failed with */
  void (*sample)(int);     /* the profiler's handler of SIGPROF */
  bool has_profiler;       /* the app may have it for a while */
  /* Of the run that is late; written by the watcher. */
  _Atomic uint32_t late_run;
  _Atomic uint64_t late_since;
  _Atomic bool is_over_budget;
  uint64_t next_call; /* the watcher's own */
  /* Of the run under way; written by its thread, partly in the signal. */
  volatile bool is_late, is_armed;
  bool is_named, is_stopped;
  lua_Hook hook_before; /* the app's own, a debugger's say */
  int mask_before, count_before;
};

/* Takes LuaJIT's profiler and starts to watch. May raise. The app's limits hold
 * once watchdog_loaded was called. */
void watchdog_start(struct watchdog *watchdog, lua_State *L,
                    struct watchdog_limits limits);
/* Loading begins once more, or what is no app's code and must not be stopped.
 */
void watchdog_load(struct watchdog *watchdog);
/* Loading, which has limits of its own, is over. */
void watchdog_loaded(struct watchdog *watchdog);
/* Before the state is closed. */
void watchdog_end(struct watchdog *watchdog);
void watchdog_limit(struct watchdog *watchdog, struct watchdog_limits limits);
/* Is the profiler the app's for now? */
void watchdog_lend_profiler(struct watchdog *watchdog, bool is_lent);

/* After a run that was late: was it stopped? Then the error that it failed with
 * is in the registry, at `message`. */
bool watchdog_settle(struct watchdog *watchdog);

/* A run of user code, named `what`, begins. False when it is part of one that
 * is under way already; watchdog_leave wants to know. */
static inline bool watchdog_enter(struct watchdog *watchdog, const char *what) {
  if (watcher_is_in_run(&watchdog->watcher)) return false;
  watchdog->what = what;
  watcher_begin_run(&watchdog->watcher);
  return true;
}

/* What is under way goes on as another run of the same name. */
static inline void watchdog_next(struct watchdog *watchdog) {
  watcher_next_run(&watchdog->watcher);
  if (watchdog->is_late) watchdog_settle(watchdog);
}

/* True when it was stopped. */
static inline bool watchdog_leave(struct watchdog *watchdog, bool is_own) {
  if (!is_own) return false;
  watcher_end_run(&watchdog->watcher); /* a signal is too late from here on */
  return watchdog->is_late && watchdog_settle(watchdog);
}

#endif
