/*
 * coroutine - the pool of coroutines that user code runs in, and an event on
 * its way into one.
 *
 * Each keeps at the bottom of its stack the table of what C holds, where all is
 * that an event needs. Nothing else is there: a stack that must grow, once a
 * handler waits in a call of a call, would cost as much as all else of it.
 */
#include "coroutine.h"

#include "call.h"
#include "endpoint.h"
#include "event.h"
#include "message.h"
#include "modules.h"
#include "receive.h"
#include "run.h"
#include "server/connection.h"
#include "state.h"
#include "timer.h"

#include <lauxlib.h>
#include <lua.h>

enum { SLOT_HELD = COROUTINE_SLOTS };

static int new_coroutine(lua_State *L) {
  struct script *script = script_of(L);
  struct coroutine *co = lua_touserdata(L, 1);
  co->L = lua_newthread(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->of_handlers);
  lua_pushvalue(L, 2);
  lua_pushboolean(L, 1);
  lua_rawset(L, 3);
  lua_pop(L, 1);
  co->held = script_hold(script, L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  lua_xmove(L, co->L, COROUTINE_SLOTS);
  return 0;
}

bool coroutine_take(struct script *script, struct coroutine *co) {
  if (script->idle_count > 0) {
    *co = script->idle[--script->idle_count];
    return true;
  }
  return script_protect(script, new_coroutine, co, "coroutine");
}

void coroutine_give(struct script *script, struct coroutine co) {
  lua_settop(co.L, COROUTINE_SLOTS);
  if (script->idle_count < COROUTINES_KEPT) {
    script->idle[script->idle_count++] = co;
  } else {
    script_release(script, co.held);
  }
}

static struct script_endpoint *endpoint_of(const struct event *event) {
  return (struct script_endpoint *)event->conn->endpoint;
}

static void push_held_value(lua_State *co, int held) {
  lua_rawgeti(co, SLOT_HELD, held);
}

int coroutine_push_event(struct script *script, lua_State *co,
                         const struct event *event) {
  if (event->kind == EVENT_TIMER) return timer_push(event->timer, co);
  push_held_value(co, script->runners[event->kind]);
  if (event->kind == EVENT_REQUEST) {
    push_held_value(co, event->function);
    push_held_value(co, event->value);
    return 2;
  }
  if (event->kind == EVENT_PIECE) {
    push_held_value(co, event->function);
    return 1;
  }
  push_held_value(co, endpoint_of(event)->component);
  push_held_value(co, event->conn->app_view);
  switch (event->kind) {
  case EVENT_CLOSE: lua_pushinteger(co, event->code); return 3;
  case EVENT_OPEN:
  case EVENT_ERROR: push_held_value(co, event->value); return 3;
  default: return 2;
  }
}

/* ---- what the runners call */

/* Upvalue of these: asking the registry for it would cost more. */
static struct script *script_of_runner(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* That of the handler which runs, or NULL. */
static struct event *event_under_way(const struct script *script) {
  return script->run ? script->run->event : NULL;
}

/* The one thing about an event that needs memory, which is why it is done in
 * here, where it can be raised that there is none. */
static void push_data(lua_State *L, struct event *event) {
  lua_pushlstring(L, event->data.at, event->data.length);
  event->has_data = false;
}

/* event_data(): of a ping, a pong, a close. */
static int event_data(lua_State *L) {
  struct event *event = event_under_way(script_of_runner(L));
  if (!event || !event->has_data) return 0;
  push_data(L, event);
  return 1;
}

/* Makes the next of those that came together the event's message. */
static bool has_next(struct script *script, struct event *event) {
  event->has_data =
      connection_take_message(event->conn, &event->data, &event->is_binary);
  if (event->has_data) watchdog_next(&script->watchdog);
  return event->has_data;
}

/* next_message(): the event's message and whether it is binary; then those that
 * came together with it; then nothing. */
static int next_message(lua_State *L) {
  struct script *script = script_of_runner(L);
  struct event *event = event_under_way(script);
  if (!event || (!event->has_data && !has_next(script, event))) return 0;
  push_data(L, event);
  if (!event->is_binary) message_note_received(script, L);
  lua_pushboolean(L, event->is_binary);
  return 2;
}

/* lend_profiler(is_lent) */
static int lend_profiler(lua_State *L) {
  watchdog_lend_profiler(&script_of(L)->watchdog, lua_toboolean(L, 1));
  return 0;
}

static void push_for_runners(struct script *script, lua_State *L,
                             lua_CFunction function) {
  lua_pushlightuserdata(L, script);
  lua_pushcclosure(L, function, 1);
}

static void load_prelude(struct script *script, lua_State *L) {
  static const unsigned char prelude[] = {
#include "prelude.h"
  };
  script_load_part(L, prelude, sizeof prelude, "=prelude");
  push_for_runners(script, L, next_message);
  push_for_runners(script, L, event_data);
  lua_pushcfunction(L, receive_begin_run);
  lua_pushcfunction(L, lend_profiler);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->leave_topics);
  lua_call(L, 5, 5);
}

/* The table of runners at the top; pops it. */
static void hold_runners(struct script *script, lua_State *L) {
  for (int kind = 0; kind < EVENT_TIMER; kind++) {
    lua_rawgeti(L, -1, kind + 1);
    script->runners[kind] = script_hold(script, L);
  }
  lua_pop(L, 1);
}

void coroutine_set_up(struct script *script, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  /* luaL_unref must not need memory later: its free list exists from here. */
  lua_pushboolean(L, 1);
  int reference = luaL_ref(L, -2);
  luaL_unref(L, -1, reference);
  lua_pop(L, 1);
  load_prelude(script, L);
  script->forget_nesting = luaL_ref(L, LUA_REGISTRYINDEX);
  script->of_handlers = luaL_ref(L, LUA_REGISTRYINDEX);
  script->guard_luv = luaL_ref(L, LUA_REGISTRYINDEX);
  script->index_of = luaL_ref(L, LUA_REGISTRYINDEX);
  hold_runners(script, L);
}
