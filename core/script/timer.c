/*
 * timer - a function that is called at a time, once or again and again.
 *
 * It belongs to the script, or to a connection: then it is an event of that
 * connection, in order with the others, and ends with it. A timer does not fire
 * while what it started the last time still runs.
 */
#include "timer.h"

#include "base/list.h"
#include "base/log.h"
#include "class.h"
#include "connection_object.h"
#include "event.h"
#include "server/connection.h"
#include "server/server.h"
#include "state.h"
#include "strand.h"
#include "task.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>

static const char timer_name[] = "ratchet.core.Timer";

enum { AT_FUNCTION = 1, AT_ARGUMENT = 2 }; /* in its environment */

/* Lives in its Lua value, which C holds while it is set or its function runs.
 */
struct timer {
  struct alarm alarm;
  struct list in_owner; /* the strand's, or the script's list */
  struct script *script;
  struct connection *conn; /* whose event it is, or NULL */
  uint64_t due;            /* for the next time, or the last */
  uint64_t period;         /* ms; 0: once */
  int self;                /* held, or LUA_NOREF */
  bool is_running;         /* its function is called, or will be */
};

static void let_go(struct timer *timer) {
  int self = timer->self;
  if (clock_has(&timer->alarm) || timer->is_running || self == LUA_NOREF)
    return;
  timer->self = LUA_NOREF;
  list_remove(&timer->in_owner);
  script_release(timer->script, self);
}

void timer_done(struct timer *timer) {
  timer->is_running = false;
  let_go(timer);
}

void timer_cancel(struct timer *timer) {
  clock_clear(timer->script->server->clock, &timer->alarm);
  timer->period = 0;
  let_go(timer);
}

void timers_cancel(struct list *timers) {
  struct list *link;
  while ((link = list_take_first(timers))) {
    timer_cancel(OWNER_OF(link, struct timer, in_owner));
  }
}

/* In step with its beginning, whatever was late. */
static void set_next(struct timer *timer) {
  struct clock *clock = timer->script->server->clock;
  uint64_t now = clock_now(clock), due = timer->due + timer->period;
  if (due <= now) due += (now - due) / timer->period * timer->period;
  if (due <= now) due += timer->period;
  timer->due = due;
  clock_set(clock, &timer->alarm, due);
}

static void fire(struct timer *timer) {
  timer->is_running = true;
  if (timer->conn && strand_line(timer->conn) == LINE_NONE) {
    struct event event = {.kind = EVENT_TIMER,
                          .conn = timer->conn,
                          .value = LUA_NOREF,
                          .timer = timer};
    strand_deliver(timer->script, &event);
  } else if (!task_run_timer(timer->script, timer)) {
    log_line(LOG_ERROR, SLICE("timer: out of memory"));
    timer_done(timer);
  }
}

static void on_alarm(struct alarm *alarm) {
  struct timer *timer = OWNER_OF(alarm, struct timer, alarm);
  if (timer->period > 0) set_next(timer);
  if (!timer->is_running) fire(timer);
}

int timer_push(struct timer *timer, lua_State *co) {
  script_push_held(timer->script, co, timer->self);
  lua_getfenv(co, -1);
  lua_rawgeti(co, -1, AT_FUNCTION);
  lua_rawgeti(co, -2, AT_ARGUMENT);
  lua_remove(co, -3);
  lua_remove(co, -3);
  return 1;
}

/* ---- as Lua sees it */

static int collect(lua_State *L) {
  struct timer *timer = lua_touserdata(L, 1);
  clock_clear(timer->script->server->clock, &timer->alarm);
  list_remove(&timer->in_owner);
  return 0;
}

/* timer:cancel(): false when it had ended already. */
static int cancel(lua_State *L) {
  struct timer *timer = luaL_checkudata(L, 1, timer_name);
  lua_pushboolean(L, clock_has(&timer->alarm));
  timer_cancel(timer);
  return 1;
}

static const luaL_Reg methods[] = {{"cancel", cancel}, {NULL, NULL}};

void timer_open(lua_State *L) {
  class_open(L, timer_name, methods, collect);
}

static void keep_function(lua_State *L) {
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, AT_FUNCTION);
  lua_pushvalue(L, 4);
  lua_rawseti(L, -2, AT_ARGUMENT);
  lua_setfenv(L, -2);
}

static void start(struct timer *timer, lua_State *L, double seconds) {
  struct clock *clock = timer->script->server->clock;
  struct list *owner = &timer->script->timers;
  if (timer->conn) owner = strand_timers(timer->script, timer->conn);
  if (!owner) {
    luaL_error(L, "out of memory");
    return;
  }
  lua_pushvalue(L, -1);
  timer->self = script_hold(timer->script, L);
  list_append(owner, &timer->in_owner);
  clock_refresh(clock);
  timer->due = clock_now(clock) + wait_ms(seconds);
  clock_set(clock, &timer->alarm, timer->due);
}

/* timer(seconds, period, fn, argument [, conn]); a period of 0: once. For a
 * connection that is gone: one that never fires. */
int timer_new(lua_State *L) {
  struct script *script = script_of(L);
  double seconds = wait_check_seconds(L, 1);
  uint64_t period = wait_ms(wait_check_seconds(L, 2));
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 5);
  bool is_owned = !lua_isnil(L, 5);
  struct connection *conn = is_owned ? connection_object_to(L, 5)->conn : NULL;
  struct timer *timer = lua_newuserdata(L, sizeof *timer);
  *timer = (struct timer){.alarm.ring = on_alarm,
                          .script = script,
                          .conn = conn,
                          .period = period,
                          .self = LUA_NOREF};
  list_init(&timer->in_owner);
  luaL_getmetatable(L, timer_name);
  lua_setmetatable(L, -2);
  keep_function(L);
  if (!is_owned || conn) start(timer, L, seconds);
  return 1;
}
