/*
 * coroutine - the pool of coroutines that user code runs in, and an event on
 * its way into one.
 *
 * Each keeps at the bottom of its stack what every event needs: the runners of
 * the prelude and the table of what C holds.
 */
#include "internal.h"

enum {
  SLOT_RUNNER = 1, /* of event kind 0 */
  SLOT_HELD = COROUTINE_SLOTS,
};

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
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->runners);
  for (int kind = 0; kind < EVENT_TIMER; kind++) {
    lua_rawgeti(L, 2, kind + 1);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  luaL_checkstack(co->L, COROUTINE_SLOTS + 16, "coroutine");
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

/* The one thing about an event that needs memory. */
static int push_data(lua_State *L) {
  const struct event *event = lua_touserdata(L, 1);
  lua_pushlstring(L, event->data.at, event->data.length);
  if (event->kind == EVENT_MESSAGE && !event->is_binary) {
    message_note_received(script_of_connection(event->conn), L);
  }
  return 1;
}

/* Pushes the event's data on `co`. False when there is no memory. */
static bool move_data(struct script *script, lua_State *co,
                      struct event *event) {
  if (!script_protect_prepared(script, script->push_data, event, 1,
                               event_name(event->kind))) {
    return false;
  }
  lua_xmove(script->L, co, 1);
  return true;
}

static void push_held_value(lua_State *co, int held) {
  lua_rawgeti(co, SLOT_HELD, held);
}

int coroutine_push_event(struct script *script, lua_State *co,
                         struct event *event) {
  if (event->kind == EVENT_TIMER) return timer_push(event->timer, co);
  lua_pushvalue(co, SLOT_RUNNER + (int)event->kind);
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
  case EVENT_MESSAGE:
    if (!move_data(script, co, event)) return -1;
    lua_pushboolean(co, event->is_binary);
    return 4;
  case EVENT_CLOSE:
    lua_pushinteger(co, event->code);
    return move_data(script, co, event) ? 4 : -1;
  case EVENT_PING:
  case EVENT_PONG: return move_data(script, co, event) ? 3 : -1;
  case EVENT_OPEN:
  case EVENT_ERROR: push_held_value(co, event->value); return 3;
  default: return 2;
  }
}

/* next_message(conn): the next one of those that came together, or nothing. */
static int next_message(lua_State *L) {
  struct connection *conn = connection_object_to(L, 1)->conn;
  struct slice message;
  bool is_binary;
  if (!conn || !connection_take_message(conn, &message, &is_binary)) return 0;
  watchdog_next(&script_of_connection(conn)->watchdog);
  lua_pushlstring(L, message.at, message.length);
  if (!is_binary) message_note_received(script_of_connection(conn), L);
  lua_pushboolean(L, is_binary);
  return 2;
}

/* lend_profiler(is_lent) */
static int lend_profiler(lua_State *L) {
  watchdog_lend_profiler(&script_of(L)->watchdog, lua_toboolean(L, 1));
  return 0;
}

static void load_prelude(lua_State *L) {
  static const unsigned char prelude[] = {
#include "prelude.h"
  };
  if (luaL_loadbufferx(L, (const char *)prelude, sizeof prelude, "=prelude",
                       "t") != 0) {
    lua_error(L);
  }
  lua_pushcfunction(L, next_message);
  lua_pushcfunction(L, receive_begin_run);
  lua_pushcfunction(L, lend_profiler);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script_of(L)->leave_topics);
  lua_call(L, 4, 5);
}

void coroutine_set_up(struct script *script, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  /* luaL_unref must not need memory later: its free list exists from here. */
  lua_pushboolean(L, 1);
  int reference = luaL_ref(L, -2);
  luaL_unref(L, -1, reference);
  lua_pop(L, 1);
  lua_pushcfunction(L, push_data);
  script->push_data = luaL_ref(L, LUA_REGISTRYINDEX);
  load_prelude(L);
  script->forget_nesting = luaL_ref(L, LUA_REGISTRYINDEX);
  script->of_handlers = luaL_ref(L, LUA_REGISTRYINDEX);
  script->guard_luv = luaL_ref(L, LUA_REGISTRYINDEX);
  script->index_of = luaL_ref(L, LUA_REGISTRYINDEX);
  script->runners = luaL_ref(L, LUA_REGISTRYINDEX);
}
