/*
 * waiter - a coroutine that is suspended, and what ends its wait: whoever holds
 * a ticket, an event of a connection, or a time.
 *
 *   wait_begin --> waiting -- wake, event, alarm, lost --> ready --> go_on
 *
 * What has become ready goes on at the end of the turn, from the top.
 */
#include "waiter.h"

#include "base/list.h"
#include "call.h"
#include "class.h"
#include "modules.h"
#include "receive.h"
#include "run.h"
#include "server/server.h"
#include "state.h"
#include "strand.h"
#include "task.h"
#include "ticket.h"
#include "timer.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

/* What a coroutine finds in place of a result; waiting.lua knows them. Their
 * addresses are all that counts. */
static const char marks[WAIT_ENDS];

void waiter_push_mark(lua_State *L, enum wait_end end) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&marks[end]);
}

static void stop_waiting(struct waiter *waiter) {
  if (waiter->ticket) waiter->ticket->waiter = NULL;
  waiter->ticket = NULL;
  if (waiter->heard) strand_stop_hearing(waiter->heard);
  waiter->heard = NULL;
  clock_clear(waiter->script->server->clock, &waiter->alarm);
}

static void make_ready(struct waiter *waiter, int arguments) {
  stop_waiting(waiter);
  waiter->arguments = arguments;
  list_append(&waiter->script->ready, &waiter->in_ready);
}

static bool is_ready(const struct waiter *waiter) {
  return !list_is_empty(&waiter->in_ready);
}

void waiter_wake(struct waiter *waiter, int arguments) {
  make_ready(waiter, arguments);
}

void waiter_end(struct waiter *waiter, enum wait_end end) {
  if (!waiter->is_waiting || is_ready(waiter)) return;
  waiter_push_mark(waiter->co.L, end);
  make_ready(waiter, 1);
}

static void on_alarm(struct alarm *alarm) {
  waiter_end(OWNER_OF(alarm, struct waiter, alarm), WAIT_TIMED_OUT);
}

void waiter_init(struct waiter *waiter, struct script *script,
                 void (*go_on)(struct waiter *waiter)) {
  *waiter =
      (struct waiter){.script = script, .go_on = go_on, .alarm.ring = on_alarm};
  list_init(&waiter->in_ready);
}

void waiter_drop(struct waiter *waiter) {
  stop_waiting(waiter);
  list_remove(&waiter->in_ready);
  waiter->is_waiting = false;
}

int waiter_resume(struct waiter *waiter, struct run run) {
  waiter->is_waiting = false;
  run.co = waiter->co.L;
  run.version = waiter->version;
  return script_resume(waiter->script, &run, waiter->arguments);
}

/* Those that are ready now. What they wake goes on in the next turn: two that
 * wake each other for ever must not keep everybody else from theirs. */
void waiters_run(struct script *script) {
  struct list now, *link;
  list_init(&now);
  list_move_all(&now, &script->ready);
  while ((link = list_take_first(&now))) {
    struct waiter *waiter = OWNER_OF(link, struct waiter, in_ready);
    waiter->go_on(waiter);
  }
}

/* ---- how a wait begins */

/* Why the coroutine `L` cannot wait, or NULL: it can. */
static const char *why_not(struct script *script, lua_State *L) {
  const struct run *run = script->run;
  if (!run) {
    return "nothing can wait here: this is no handler; ratchet.spawn(fn) runs "
           "a function that may wait";
  }
  if (run->co != L) {
    return "only a handler can wait, and not from inside a coroutine of its "
           "own";
  }
  if (!run->conn && !run->task) {
    return "an app file cannot wait while it is loaded; ratchet.spawn(fn) runs "
           "a function that may wait";
  }
  if (!lua_isyieldable(L)) {
    return "nothing can wait here: it is called by a C function, such as "
           "require or table.sort, which cannot be suspended";
  }
  if (run->task && task_is_cancelled(run->task)) return "cancelled";
  return NULL;
}

/* Raises the message at the top, at the line that asked and not at one of
 * waiting.lua. */
static int raise_in_app(lua_State *L) {
  lua_Debug frame;
  lua_pushliteral(L, "");
  for (int level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline < 0 || strcmp(frame.source, "=waiting") == 0)
      continue;
    lua_pop(L, 1);
    lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
    break;
  }
  lua_insert(L, -2);
  lua_concat(L, 2);
  return lua_error(L);
}

static void check_may_wait(struct script *script, lua_State *L) {
  const char *reason = why_not(script, L);
  if (!reason) return;
  lua_pushstring(L, reason);
  raise_in_app(L);
}

struct waiter *wait_begin(struct script *script, lua_State *L) {
  check_may_wait(script, L);
  const struct run *run = script->run;
  struct waiter *waiter =
      run->task ? task_waiter(run->task) : strand_waiter(script, run->conn);
  if (!waiter) {
    luaL_error(L, "out of memory");
    return NULL;
  }
  waiter->version = run->version;
  waiter->co.L = L; /* whatever ends the wait finds it there */
  return waiter;
}

void wait_until(struct waiter *waiter, double seconds) {
  struct clock *clock = waiter->script->server->clock;
  clock_refresh(clock);
  clock_set(clock, &waiter->alarm, clock_now(clock) + wait_ms(seconds));
}

uint64_t wait_ms(double seconds) {
  uint64_t whole = (uint64_t)(seconds * 1000);
  return (double)whole < seconds * 1000 ? whole + 1 : whole;
}

double wait_check_seconds(lua_State *L, int index) {
  double seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, seconds >= 0 && seconds <= WAIT_MOST_SECONDS, index,
                "a number of seconds, 0 or more, is expected");
  return seconds;
}

/* ---- waiting.lua */

int wait_yield(lua_State *L) {
  return lua_yield(L, 0);
}

int wait_check(lua_State *L) {
  check_may_wait(script_of(L), L);
  return 0;
}

int wait_sleep(lua_State *L) {
  double seconds = wait_check_seconds(L, 1);
  struct waiter *waiter = wait_begin(script_of(L), L);
  waiter->is_waiting = true;
  wait_until(waiter, seconds);
  return lua_yield(L, 0);
}

static const luaL_Reg natives[] = {
    {"begin", ticket_begin}, {"raise", raise_in_app},
    {"hear", receive_hear},  {"sleep", wait_sleep},
    {"take", receive_take},  {"timer", timer_new},
    {"yield", wait_yield},   {NULL, NULL},
};

static void push_natives(lua_State *L) {
  static const char *const names[WAIT_ENDS] = {
      [WAIT_TIMED_OUT] = "timed_out",
      [WAIT_CANCELLED] = "cancelled",
      [WAIT_LOST] = "lost",
  };
  lua_newtable(L);
  class_register(L, natives);
  for (int end = 0; end < WAIT_ENDS; end++) {
    waiter_push_mark(L, (enum wait_end)end);
    lua_setfield(L, -2, names[end]);
  }
  lua_pushinteger(L, WAIT_MOST_SECONDS);
  lua_setfield(L, -2, "most_seconds");
}

void waiting_set_up(struct script *script, lua_State *L) {
  static const unsigned char source[] = {
#include "waiting.h"
  };
  script_load_part(L, source, sizeof source, "=waiting");
  push_natives(L);
  lua_call(L, 1, 2);
  script->line_methods = luaL_ref(L, LUA_REGISTRYINDEX);
  script->waiting = luaL_ref(L, LUA_REGISTRYINDEX);
}
