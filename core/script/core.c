/*
 * The module ratchet.core: everything that C gives to Lua. Its functions are
 * described for their users in lua/ratchet/meta/core.lua.
 */
#include "core.h"

#include "answer.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "caller_object.h"
#include "class.h"
#include "command.h"
#include "connect.h"
#include "connection_object.h"
#include "crypto.h"
#include "endpoint.h"
#include "file_lock.h"
#include "listen.h"
#include "receive.h"
#include "redis_object.h"
#include "reload.h"
#include "request.h"
#include "server/connection.h"
#include "server/server.h"
#include "state.h"
#include "task.h"
#include "testbed.h"
#include "ticket.h"
#include "topic_object.h"
#include "waiter.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>

static int core_log(lua_State *L) {
  enum log_level level;
  size_t length;
  const char *name = luaL_checkstring(L, 1);
  const char *text = luaL_checklstring(L, 2, &length);
  if (!log_level_named(name, &level) || level == LOG_OFF) {
    return luaL_error(L, "unknown log level \"%s\": debug, info, warn or error",
                      name);
  }
  log_line(level, (struct slice){text, length});
  return 0;
}

static int core_announce(lua_State *L) {
  struct script *script = script_of(L);
  size_t length;
  const char *url = luaL_checklstring(L, 1, &length);
  struct buffer *to = &script->addresses;
  if (!buffer_reserve(to, length + 4)) return luaL_error(L, "out of memory");
  to->length -= to->length > 0; /* over the NUL */
  buffer_append_text(to, "  ");
  buffer_append(to, url, length);
  buffer_append(to, "\n", 2);
  return 0;
}

/* Of clients, as their objects: those that messages come from. */
static int core_connections(lua_State *L) {
  struct script *script = script_of(L);
  struct list *all = &script->server->connections, *link = all->next;
  int count = 0;
  lua_newtable(L);
  for (; link != all; link = link->next) {
    struct connection *conn = OWNER_OF(link, struct connection, in_server);
    bool is_client = connection_is_open(conn) && !conn->is_outgoing;
    if (!is_client || conn->app_view == 0) continue;
    connection_object_push(script, L, conn);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int core_is_stopping(lua_State *L) {
  lua_pushboolean(L, script_of(L)->server->draining);
  return 1;
}

/* 53 bits, as many as a number has. */
static int core_random(lua_State *L) {
  uint64_t bits;
  if (!random_bytes(&bits, sizeof bits))
    return luaL_error(L, "no random bytes");
  lua_pushnumber(L, (lua_Number)(bits >> 11) / 9007199254740992.0);
  return 1;
}

/* The field in milliseconds, or what holds already. */
static uint32_t seconds_field(lua_State *L, const char *name,
                              uint32_t otherwise) {
  lua_getfield(L, 1, name);
  double seconds = lua_tonumber(L, -1);
  bool is_given = !lua_isnil(L, -1), is_number = lua_isnumber(L, -1);
  lua_pop(L, 1);
  if (!is_given) return otherwise;
  if (!is_number || !(seconds >= 0 && seconds <= 86400)) {
    luaL_error(L, "%s: a number from 0 to 86400 is expected", name);
  }
  return seconds > 0 && seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000 + 0.5);
}

static int core_watchdog(lua_State *L) {
  struct watchdog *watchdog = &script_of(L)->watchdog;
  luaL_checktype(L, 1, LUA_TTABLE);
  struct watchdog_limits limits = watchdog->wanted;
  limits.slow = seconds_field(L, "slowHandler", limits.slow);
  limits.budget = seconds_field(L, "handlerBudget", limits.budget);
  watchdog_limit(watchdog, limits);
  return 0;
}

/* Looked at anew: a handler may have run for long. */
static int core_now(lua_State *L) {
  struct script *script = script_of(L);
  clock_refresh(script->server->clock);
  lua_pushnumber(L, (double)clock_now(script->server->clock) / 1000);
  return 1;
}

static const luaL_Reg functions[] = {
    {"announce", core_announce},
    {"connections", core_connections},
    {"isStopping", core_is_stopping},
    {"log", core_log},
    {"now", core_now},
    {"random", core_random},
    {"watchdog", core_watchdog},
    /* of files that have one or two */
    {"caller", caller_object_new},
    {"checkWait", wait_check},
    {"line", receive_begin_line},
    {"lockFile", file_lock},
    {"spawn", task_spawn},
    {"ticket", ticket_new},
    {"topic", topic_object_get},
    {"wake", ticket_wake},
    {NULL, NULL},
};

static const luaL_Reg *const parts[] = {
    functions,          command_functions, connect_functions, crypto_functions,
    endpoint_functions, answer_functions,  listen_functions,  redis_functions,
    reload_functions,   request_functions,
};

static void push_options(lua_State *L, const struct script_options *options) {
  lua_newtable(L);
  if (options->host) script_set_text(L, "host", slice_of(options->host));
  if (options->port >= 0) {
    lua_pushinteger(L, options->port);
    lua_setfield(L, -2, "port");
  }
  if (options->control) {
    script_set_text(L, "control", slice_of(options->control));
  }
  lua_pushboolean(L, options->watch);
  lua_setfield(L, -2, "watch");
  lua_pushboolean(L, options->dev_tls);
  lua_setfield(L, -2, "devTls");
  lua_pushboolean(L, options->development);
  lua_setfield(L, -2, "development");
}

/* Sets a field of the table at the top. */
static void set_registered(lua_State *L, const char *name, int registered) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, registered);
  lua_setfield(L, -2, name);
}

int script_open_core(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    class_register(L, parts[i]);
  }
  class_add_fields(L, script_of(L)->waiting);
  set_registered(L, "users", script_of(L)->users);
  set_registered(L, "connectionMethods", script_of(L)->connection_methods);
  set_registered(L, "topicMethods", script_of(L)->topic_methods);
  script_set_text(L, "version", SLICE(RATCHET_VERSION));
  push_options(L, &script_of(L)->options);
  lua_setfield(L, -2, "options");
  lua_pushinteger(L, O_NOFOLLOW); /* luv has none */
  lua_setfield(L, -2, "noFollow");
  script_push_handed(L);
  lua_setfield(L, -2, "handed");
  testbed_push(L);
  lua_setfield(L, -2, "testbed");
  return 1;
}
