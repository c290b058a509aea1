/*
 * receive - a connection read as a straight line: the next message is asked for
 * where it is wanted, instead of being told to onMessage.
 *
 * A handler may receive from its own connection; a component's `run` does
 * nothing else; and a connection without handlers (one that was dialled for
 * this) is received from by anybody, one at a time. What is received comes out
 * of the strand's queue, so its bounds hold here too.
 */
#include "receive.h"

#include "call.h"
#include "connection_object.h"
#include "endpoint.h"
#include "event.h"
#include "run.h"
#include "server/connection.h"
#include "state.h"
#include "strand.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>

/* ---- what a line has left, when its connection is gone */

/* Its address is the key, among the app's fields, of what a line has left:
 * messages and whether they are binary, from the index at 0 on; the component;
 * how it closed. */
static const char line_key;

struct line_end {
  struct connection *conn;
  const struct event *close;
};

static void push_messages(lua_State *L, struct connection *conn) {
  int at = 0;
  const struct event *event;
  lua_newtable(L);
  while ((event = strand_first(conn)) && event->kind == EVENT_MESSAGE) {
    lua_pushlstring(L, event->data.at, event->data.length);
    lua_rawseti(L, -2, ++at);
    lua_pushboolean(L, event->is_binary);
    lua_rawseti(L, -2, ++at);
    strand_take(conn, event);
  }
  lua_pushinteger(L, 1);
  lua_rawseti(L, -2, 0);
}

static int work_keep_line(lua_State *L) {
  const struct line_end *end = lua_touserdata(L, 1);
  const struct script_endpoint *endpoint =
      (const struct script_endpoint *)end->conn->endpoint;
  connection_object_push(script_of(L), L, end->conn);
  lua_replace(L, 1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&line_key);
  push_messages(L, end->conn);
  lua_pushinteger(L, end->close->code);
  lua_setfield(L, -2, "code");
  script_set_text(L, "reason", end->close->data);
  script_push_held(script_of(L), L, endpoint->component);
  lua_setfield(L, -2, "component");
  connection_object_set(L, lua_touserdata(L, 1));
  return 0;
}

/* Without memory, the rest is lost. */
void receive_keep_rest(struct script *script, struct connection *conn,
                       const struct event *close) {
  struct line_end end = {conn, close};
  const struct event *event;
  if (conn->app_view != 0) {
    script_protect(script, work_keep_line, &end, "close");
  }
  while ((event = strand_first(conn)) && event->kind == EVENT_MESSAGE) {
    strand_take(conn, event);
  }
}

/* The message at that index of the table at the top, whether it is binary, and
 * the component; taken out of there. */
static int take_message(lua_State *L, int at) {
  int table = lua_gettop(L);
  lua_pushinteger(L, at + 2);
  lua_rawseti(L, table, 0);
  lua_rawgeti(L, table, at);
  lua_rawgeti(L, table, at + 1);
  lua_pushnil(L);
  lua_rawseti(L, table, at);
  lua_getfield(L, table, "component");
  return 3;
}

static int take_rest(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  lua_settop(L, 1);
  if (!object->has_fields) return 0;
  lua_getfenv(L, 1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&line_key);
  lua_rawget(L, -2);
  if (!lua_istable(L, -1)) return 0;
  lua_rawgeti(L, 3, 0);
  int at = (int)lua_tointeger(L, -1);
  lua_rawgeti(L, 3, at);
  bool is_message = !lua_isnil(L, -1);
  lua_settop(L, 3);
  if (is_message) return take_message(L, at);
  lua_pushnil(L);
  lua_getfield(L, 3, "code");
  lua_getfield(L, 3, "reason");
  return 3;
}

/* ---- functions for Lua */

/* Is it the connection's own handler that asks? */
static bool is_own(const struct script *script, const struct connection *conn) {
  return script->run && script->run->conn == conn;
}

/* Does a line end here that nobody else will end? */
static bool ends_line(const struct script *script,
                      const struct connection *conn) {
  return strand_line(conn) == LINE_FREE && !is_own(script, conn);
}

static int push_close(lua_State *L, const struct script *script,
                      struct connection *conn, const struct event *event) {
  lua_pushnil(L);
  lua_pushinteger(L, event->code);
  lua_pushlstring(L, event->data.at, event->data.length);
  if (ends_line(script, conn)) strand_end_line(conn);
  return 3;
}

/* take(conn): a message, whether it is binary, and the component; nil, code,
 * reason when the connection has closed; false when there is nothing yet. */
int receive_take(lua_State *L) {
  struct script *script = script_of(L);
  struct connection *conn = connection_object_to(L, 1)->conn;
  if (!conn) return take_rest(L);
  if (!is_own(script, conn) && strand_line(conn) == LINE_NONE) {
    if (!connection_is_open(conn)) return take_rest(L);
    return luaL_error(L, "the messages of this connection go to its "
                         "component; only its own handlers can receive them");
  }
  const struct event *event = strand_first(conn);
  if (!event) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (event->kind == EVENT_CLOSE) return push_close(L, script, conn, event);
  const struct script_endpoint *endpoint =
      (const struct script_endpoint *)conn->endpoint;
  lua_pushlstring(L, event->data.at, event->data.length);
  lua_pushboolean(L, event->is_binary);
  strand_take(conn, event);
  script_push_held(script, L, endpoint->component);
  return 3;
}

/* hear(conn [, seconds]): the caller waits for what take finds next. */
int receive_hear(lua_State *L) {
  struct script *script = script_of(L);
  struct connection *conn = connection_object_to(L, 1)->conn;
  double seconds = lua_isnoneornil(L, 2) ? -1 : wait_check_seconds(L, 2);
  if (!conn) return luaL_error(L, "the connection is gone");
  if (strand_is_heard(conn)) {
    return luaL_error(L, "somebody receives from this connection already");
  }
  struct waiter *waiter = wait_begin(script, L);
  if (!strand_hear(script, conn, waiter)) {
    return luaL_error(L, "out of memory");
  }
  waiter->is_waiting = true;
  if (seconds >= 0) wait_until(waiter, seconds);
  return 0;
}

static int begin(lua_State *L, enum line line) {
  struct connection *conn = connection_object_to(L, 1)->conn;
  if (conn && !strand_begin_line(script_of(L), conn, line)) {
    return luaL_error(L, "out of memory");
  }
  return 0;
}

int receive_begin_run(lua_State *L) {
  return begin(L, LINE_RUN);
}

int receive_begin_line(lua_State *L) {
  return begin(L, LINE_FREE);
}

/* A connection whose handler has ended has nobody any more. */
void receive_run_ended(struct event *event, bool is_well) {
  struct connection *conn = event->conn;
  if (strand_line(conn) != LINE_RUN) return;
  if (is_well)
    connection_close(conn, CLOSE_NORMAL, SLICE(""));
  else
    connection_close(conn, CLOSE_INTERNAL_ERROR, SLICE("internal error"));
  strand_end_line(conn);
}
