/*
 * How a run of user code is looked at, and stopped, from outside.
 *
 * LuaJIT's hooks do not fire in compiled loops. What compiled code does check,
 * at each line, is whether the profiler wants a sample, if it was compiled
 * while the profiler was on in mode "l". So the profiler is on from the start,
 * and its timer, which is what costs, is switched off at once: the code has the
 * checks, a test and a branch a line, and nobody asks for samples. (Switching
 * it on later would not do: it would have to throw away all compiled code, on
 * the thread that is stuck.)
 *
 *   watcher's thread      thread of the state
 *
 *   the run is late --->  SIGPROF, on_signal:
 *                           a sample, please (the profiler's own handler)
 *                           over the budget: lua_sethook(stop), too
 *
 *                         compiled code leaves for the interpreter, which calls
 *                           name_run, by the profiler: a line in the log
 *                           stop, by the hook: an end to the run
 *
 * The watcher touches nothing of Lua's. Both things that the signal does are
 * made for signals on the thread of the state itself: the profiler lives by
 * SIGPROF, and lua_sethook "can be called asynchronously". What they change
 * there (a byte of flags, the table of instructions) may be changing at that
 * moment; of two changes one can be lost, in a window of some nanoseconds. So
 * over the budget the watcher repeats its signal until the run is over. A
 * signal that comes too late finds another run, and does nothing; so does a
 * hook.
 *
 * A sample cannot set a hook or raise: the profiler puts back the flags that it
 * found. The hook can. It yields, out of the handler's coroutine, which is
 * never resumed: no pcall sees that. Where there is a C function in between (a
 * comparison of table.sort, a luv callback) it raises, and stays set, one
 * instruction a time: a pcall returns to code that is stopped at once.
 */
#include "watchdog.h"

#include "base/log.h"

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <signal.h>
#include <sys/time.h>

/* Loading may take its time, for nobody is served meanwhile; only who waits for
 * it should know where. */
static const struct watchdog_limits while_loading = {.slow = 5000, .budget = 0};

/* Signals, the profiler and hooks have no owner to be given. There is one
 * profiler in a process, so one watchdog. */
static struct watchdog *volatile the_watchdog;

/* Is the run under way the one that the watcher meant? */
static bool is_meant(struct watchdog *watchdog) {
  uint32_t count = watcher_count(&watchdog->watcher);
  return (count & 1) && count == atomic_load(&watchdog->late_run);
}

static uint64_t held_for(struct watchdog *watchdog) {
  return watcher_now() - atomic_load(&watchdog->late_since);
}

/* ---- naming */

/* The innermost frame that has a line. */
static bool find_line(lua_State *L, lua_Debug *frame) {
  for (int level = 0; lua_getstack(L, level, frame); level++) {
    if (lua_getinfo(L, "Sl", frame) && frame->currentline > 0) return true;
  }
  return false;
}

static void log_slow(struct watchdog *watchdog, const char *verb,
                     const char *where) {
  watchdog->is_named = true;
  if (watchdog->limits.slow == 0) return;
  log_printf(LOG_WARN, "slow %s: %s%s%s%s %s the loop for %llu ms",
             watchdog->is_loading ? "start" : "handler", where,
             *where ? " (" : "", watchdog->what, *where ? ")" : "", verb,
             (unsigned long long)held_for(watchdog));
}

/* The profiler's callback, between two instructions. It may look at the stack,
 * and must not change it. */
static void name_run(void *owner, lua_State *L, int samples, int state) {
  struct watchdog *watchdog = owner;
  lua_Debug frame;
  char where[LUA_IDSIZE + 16] = "";
  (void)samples;
  (void)state;
  if (!is_meant(watchdog) || watchdog->is_named) return;
  if (find_line(L, &frame)) {
    snprintf(where, sizeof where, "%s:%d", frame.short_src, frame.currentline);
  }
  log_slow(watchdog, "has held", where);
}

/* ---- stopping */

static int raise_anything(lua_State *L) {
  lua_pushnil(L);
  return lua_error(L);
}

/* What a hook calls has no hooks, and what it raises is given to the message
 * handler of an xpcall as part of the hook: one that does not end could not be
 * stopped any more. A coroutine that fails ends the state of being in a hook.
 */
static void leave_hook(lua_State *L) {
  lua_State *co = lua_newthread(L);
  lua_pushcfunction(co, raise_anything);
  lua_resume(co, 0);
  lua_pop(L, 1);
}

/* May raise for want of memory; then the message made beforehand stays. */
static void note_message(struct watchdog *watchdog, lua_State *L) {
  uint64_t tenths = held_for(watchdog) / 100;
  luaL_where(L, 0);
  lua_pushfstring(L, "handlerBudget: ran for %f s without giving way",
                  (double)tenths / 10);
  lua_concat(L, 2);
  lua_rawseti(L, LUA_REGISTRYINDEX, watchdog->message);
}

static void put_hook_back(struct watchdog *watchdog) {
  watchdog->is_armed = false;
  lua_sethook(watchdog->L, watchdog->hook_before, watchdog->mask_before,
              watchdog->count_before);
}

static void stop(lua_State *L, lua_Debug *event) {
  struct watchdog *watchdog = the_watchdog;
  (void)event;
  if (!is_meant(watchdog)) {
    put_hook_back(watchdog);
    return;
  }
  if (!watchdog->is_stopped) {
    watchdog->is_stopped = true;
    note_message(watchdog, L);
  }
  if (lua_isyieldable(L)) {
    lua_yield(L, 0);
    return;
  }
  leave_hook(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, watchdog->message);
  lua_error(L);
}

static void arm(struct watchdog *watchdog) {
  lua_State *L = watchdog->L;
  if (!watchdog->is_armed) {
    watchdog->hook_before = lua_gethook(L);
    watchdog->mask_before = lua_gethookmask(L);
    watchdog->count_before = lua_gethookcount(L);
    watchdog->is_armed = true;
  }
  lua_sethook(L, stop, LUA_MASKCOUNT, 1);
}

bool watchdog_settle(struct watchdog *watchdog) {
  bool is_stopped = watchdog->is_stopped;
  if (!watchdog->is_named) log_slow(watchdog, "held", "");
  if (watchdog->is_armed) put_hook_back(watchdog);
  watchdog->is_late = watchdog->is_named = watchdog->is_stopped = false;
  return is_stopped;
}

/* ---- from the watcher to the run */

static void on_signal(int number) {
  struct watchdog *watchdog = the_watchdog;
  if (!watchdog || !watchdog->has_profiler || !is_meant(watchdog)) return;
  watchdog->is_late = true;
  if (atomic_load(&watchdog->is_over_budget)) arm(watchdog);
  watchdog->sample(number);
}

/* On the watcher's thread. A run that is only slow is in a C function when it
 * does not answer, whose system calls each signal interrupts: so seldom. */
static void on_late(void *owner, uint32_t run, uint64_t since) {
  struct watchdog *watchdog = owner;
  uint64_t now = watcher_now();
  uint32_t budget = atomic_load(&watchdog->budget);
  bool is_over = budget > 0 && now - since >= budget;
  if (run != atomic_load(&watchdog->late_run)) watchdog->next_call = now;
  if (!is_over && now < watchdog->next_call) return;
  watchdog->next_call = now + (now - since);
  atomic_store(&watchdog->late_since, since);
  atomic_store(&watchdog->is_over_budget, is_over);
  atomic_store(&watchdog->late_run, run);
  pthread_kill(watchdog->thread, SIGPROF);
}

/* ---- starting and ending */

/* LuaJIT puts back, when its profiler stops, the handler that it found: ours,
 * so that a late SIGPROF never ends the process. */
static void take_profiler(struct watchdog *watchdog) {
  static const struct itimerval never;
  struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  struct sigaction theirs;
  sigaction(SIGPROF, &ours, NULL);
  luaJIT_profile_start(watchdog->L, "li1000000", name_run, watchdog);
  setitimer(ITIMER_PROF, &never, NULL);
  sigaction(SIGPROF, &ours, &theirs);
  watchdog->sample = theirs.sa_handler;
  watchdog->has_profiler = watchdog->sample != on_signal;
}

void watchdog_lend_profiler(struct watchdog *watchdog, bool is_lent) {
  if (!watchdog->L || watchdog->has_profiler == !is_lent) return;
  if (is_lent) {
    watchdog->has_profiler = false;
    luaJIT_profile_stop(watchdog->L);
  } else {
    take_profiler(watchdog);
  }
}

static uint32_t shorter(struct watchdog_limits limits) {
  if (limits.slow == 0) return limits.budget;
  if (limits.budget == 0) return limits.slow;
  return limits.slow < limits.budget ? limits.slow : limits.budget;
}

static void set_limits(struct watchdog *watchdog,
                       struct watchdog_limits limits) {
  watchdog->limits = limits;
  atomic_store(&watchdog->budget, limits.budget);
  watcher_set_limit(&watchdog->watcher, shorter(limits));
}

void watchdog_limit(struct watchdog *watchdog, struct watchdog_limits limits) {
  watchdog->wanted = limits;
  if (!watchdog->is_loading) set_limits(watchdog, limits);
}

void watchdog_start(struct watchdog *watchdog, lua_State *L,
                    struct watchdog_limits limits) {
  lua_pushliteral(L, "handlerBudget: ran too long without giving way");
  watchdog->message = luaL_ref(L, LUA_REGISTRYINDEX);
  if (!watcher_start(&watchdog->watcher, on_late, watchdog)) {
    luaL_error(L, "no thread for the watchdog");
  }
  watchdog->L = L;
  watchdog->thread = pthread_self();
  watchdog->is_loading = true;
  watchdog->wanted = limits;
  set_limits(watchdog, while_loading);
  the_watchdog = watchdog;
  take_profiler(watchdog);
}

void watchdog_load(struct watchdog *watchdog) {
  watchdog->is_loading = true;
  set_limits(watchdog, while_loading);
}

void watchdog_loaded(struct watchdog *watchdog) {
  watchdog->is_loading = false;
  set_limits(watchdog, watchdog->wanted);
}

void watchdog_end(struct watchdog *watchdog) {
  if (!watchdog->L) return;
  watcher_stop(&watchdog->watcher);
  watchdog_lend_profiler(watchdog, true);
  the_watchdog = NULL;
  watchdog->L = NULL;
}
