/*
 * reload - what a reload needs of C. The reload itself is Lua:
 * lua/ratchet/reload/.
 */
#include "reload.h"

#include "base/log.h"
#include "call.h"
#include "endpoint.h"
#include "proto/digest.h"
#include "run.h"
#include "state.h"
#include "strand.h"
#include "task.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

/* Calls a function of one of ratchet's modules with the text at the top, which
 * it pops: true, or false with the message in its place. Where there are no
 * such modules, an app that does without them still runs. */
static bool call_module(lua_State *L, const char *module,
                        const char *function) {
  int argument = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  if (lua_pcall(L, 1, 1, 0) == 0) {
    lua_getfield(L, -1, function);
    lua_pushvalue(L, argument);
    if (lua_pcall(L, 1, 0, 0) == 0) {
      lua_settop(L, argument - 1);
      return true;
    }
  }
  lua_replace(L, argument);
  lua_settop(L, argument);
  return false;
}

void reload_prepare(lua_State *L, const char *app_path) {
  lua_pushstring(L, app_path);
  if (call_module(L, "ratchet.reload.files", "install")) return;
  log_printf(LOG_DEBUG, "the app cannot be loaded anew: %s",
             lua_tostring(L, -1));
  lua_pop(L, 1);
}

static int begin(lua_State *L) {
  const struct script *script = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_pushstring(L, script->app_path);
  if (!call_module(L, "ratchet.reload", "start")) {
    log_printf(LOG_WARN, "the app cannot be loaded anew: %s",
               lua_tostring(L, -1));
  }
  return 0;
}

void script_begin_reloads(struct script *script) {
  script_protect(script, begin, script, "reload");
}

/* ---- ratchet.core */

/* digest(text): eight hexadecimal digits. */
static int reload_digest(lua_State *L) {
  uint8_t digest[SHA1_SIZE];
  char text[9];
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  if (digest_sha1(bytes, length, digest) != 0) {
    return luaL_error(L, "the hash could not be made");
  }
  snprintf(text, sizeof text, "%02x%02x%02x%02x", digest[0], digest[1],
           digest[2], digest[3]);
  lua_pushstring(L, text);
  return 1;
}

static uint32_t check_version(lua_State *L, int index) {
  const char *text = luaL_checkstring(L, index);
  char *end;
  unsigned long version = strtoul(text, &end, 16);
  luaL_argcheck(L, end - text == 8 && *end == '\0', index,
                "a version is eight hexadecimal digits");
  return (uint32_t)version;
}

static int reload_set_version(lua_State *L) {
  script_of(L)->version = check_version(L, 1);
  return 0;
}

static int reload_outdated(lua_State *L) {
  struct script *script = script_of(L);
  strand_push_outdated(script, L);
  lua_pushinteger(L, tasks_outdated(script));
  return 2;
}

static int reload_freeze(lua_State *L) {
  struct script_endpoint *endpoint = script_to_endpoint(L, 1);
  luaL_argcheck(L, endpoint, 1, "an endpoint is expected");
  endpoint->version = check_version(L, 2);
  return 0;
}

static int reload_own_handle(lua_State *L) {
  struct script *script = script_of(L);
  lua_settop(L, 1);
  script_push_held(script, L, script->own_handle);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  return 1;
}

/* ---- the app's code, and what must not be stopped half-way */

/* A part of the run under way begins, with limits of its own. */
static void limit(struct script *script, bool is_app) {
  if (!script->watchdog.L) return;
  if (is_app)
    watchdog_loaded(&script->watchdog);
  else
    watchdog_load(&script->watchdog);
  watchdog_next(&script->watchdog);
}

/* unwatched(fn): the watchdog does not stop it. */
static int reload_unwatched(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  limit(script, false);
  int status = lua_pcall(L, 0, LUA_MULTRET, 0);
  limit(script, true);
  return status == 0 ? lua_gettop(L) : lua_error(L);
}

/* What the function failed with, and where it was; on `L`. */
static int push_failure(lua_State *L, lua_State *co, int status,
                        bool is_stopped, int message) {
  lua_pushboolean(L, 0);
  if (is_stopped) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, message);
  } else if (status == LUA_YIELD) {
    lua_pushliteral(L, "an app file cannot yield while it is loaded");
  } else {
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
  }
  luaL_traceback(L, co, NULL, 0);
  return 3;
}

/* isolate(fn), inside unwatched: a run of the app's code in a coroutine of its
 * own, which the watchdog stops when it does not end. Nothing can wait in it.
 * true; or false, what it failed with, and its traceback. */
static int reload_isolate(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_State *co = lua_newthread(L);
  lua_insert(L, 1);
  lua_xmove(L, co, 1);
  struct run run = {.co = co, .what = "reload", .version = script->version};
  limit(script, true);
  int status = script_resume(script, &run, 0);
  bool is_stopped = script->watchdog.is_stopped;
  int message = script->watchdog.message;
  limit(script, false);
  if (status != 0) return push_failure(L, co, status, is_stopped, message);
  lua_pushboolean(L, 1);
  return 1;
}

const luaL_Reg reload_functions[] = {
    {"digest", reload_digest},        {"freeze", reload_freeze},
    {"isolate", reload_isolate},      {"outdated", reload_outdated},
    {"ownHandle", reload_own_handle}, {"setVersion", reload_set_version},
    {"unwatched", reload_unwatched},  {NULL, NULL},
};
