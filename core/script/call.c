/*
 * The only ways from C into Lua. Nothing raised there crosses them.
 */
#include "call.h"

#include "base/log.h"
#include "run.h"
#include "state.h"
#include "strand.h"
#include "task.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>

/* The prelude counts how deep calls through C are nested; what was stopped in
 * the middle has not counted down. */
static void forget_nesting(struct script *script) {
  lua_rawgeti(script->L, LUA_REGISTRYINDEX, script->forget_nesting);
  if (lua_pcall(script->L, 0, 0, 0) != 0) lua_pop(script->L, 1);
}

bool script_protect(struct script *script, lua_CFunction work, void *argument,
                    const char *what) {
  bool is_run = watchdog_enter(&script->watchdog, what);
  int status = lua_cpcall(script->L, work, argument);
  if (watchdog_leave(&script->watchdog, is_run)) forget_nesting(script);
  if (status == 0) return true;
  if (script->describe)
    script_log_error(script->L, what);
  else
    log_printf(LOG_ERROR, "%s: out of memory", what);
  lua_pop(script->L, 1);
  return false;
}

bool script_protect_prepared(struct script *script, int prepared,
                             void *argument, const char *what) {
  lua_State *L = script->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, prepared);
  lua_pushlightuserdata(L, argument);
  bool is_run = watchdog_enter(&script->watchdog, what);
  int status = lua_pcall(L, 1, 0, 0);
  if (watchdog_leave(&script->watchdog, is_run)) forget_nesting(script);
  if (status == 0) return true;
  script_log_error(L, what);
  lua_pop(L, 1);
  return false;
}

/* A run was stopped. It has left its coroutine in the middle of whatever it
 * did, which may have been on the way into a wait. */
static int fail_stopped(struct script *script, const struct run *run) {
  struct waiter *waiter = NULL;
  forget_nesting(script);
  if (run->task)
    waiter = task_waiter(run->task);
  else if (run->conn && strand_is_waiting(run->conn))
    waiter = strand_waiter(script, run->conn);
  if (waiter) waiter_drop(waiter);
  lua_rawgeti(run->co, LUA_REGISTRYINDEX, script->watchdog.message);
  return LUA_ERRRUN;
}

int script_resume(struct script *script, const struct run *run, int arguments) {
  const struct run *before = script->run;
  script->run = run;
  bool is_run = watchdog_enter(&script->watchdog, run->what);
  int status = lua_resume(run->co, arguments);
  script->run = before;
  if (watchdog_leave(&script->watchdog, is_run)) {
    return fail_stopped(script, run);
  }
  return status;
}

static int describe(lua_State *L);

static int add_traceback(lua_State *L) {
  script_push_traceback(L, L);
  return 1;
}

void script_prepare_calls(struct script *script, lua_State *L) {
  lua_pushcfunction(L, describe);
  script->describe = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, add_traceback);
  script->add_traceback = luaL_ref(L, LUA_REGISTRYINDEX);
}

int script_call_luv(lua_State *L, int arguments, int results, int flags) {
  (void)flags;
  struct script *script = script_of(L);
  int function = lua_gettop(L) - arguments;
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->add_traceback);
  lua_insert(L, function);
  uint32_t before = log_set_version(script->version);
  bool is_run = watchdog_enter(&script->watchdog, "luv callback");
  int status = lua_pcall(L, arguments, results, function);
  if (watchdog_leave(&script->watchdog, is_run)) forget_nesting(script);
  if (status != 0) script_log_error(L, "luv callback");
  log_set_version(before);
  if (status == 0) {
    lua_remove(L, function);
    return lua_gettop(L) - function + 1;
  }
  lua_settop(L, function - 1);
  return -status;
}

void script_call_logged(lua_State *L, const char *where) {
  int function = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script_of(L)->add_traceback);
  lua_insert(L, function);
  if (lua_pcall(L, 0, 0, function) != 0) script_log_error(L, where);
  lua_settop(L, function - 1);
}

/* The message is at the top of `co`. */
void script_push_traceback(lua_State *L, lua_State *co) {
  if (lua_isstring(co, -1)) {
    luaL_traceback(L, co, lua_tostring(co, -1), L == co ? 1 : 0);
    return;
  }
  lua_pushvalue(co, -1);
  if (L != co) lua_xmove(co, L, 1);
}

static int describe(lua_State *L) {
  size_t length;
  const char *text;
  lua_settop(L, 2);
  const char *where = lua_touserdata(L, 1);
  if (luaL_callmeta(L, 2, "__tostring")) lua_replace(L, 2);
  text = lua_tolstring(L, 2, &length);
  if (text)
    lua_pushfstring(L, "%s: %s", where, text);
  else
    lua_pushfstring(L, "%s: a %s was raised", where, luaL_typename(L, 2));
  text = lua_tolstring(L, -1, &length);
  log_line(LOG_ERROR, (struct slice){text, length});
  return 0;
}

/* Needs no memory before the protected call. */
void script_log_error(lua_State *L, const char *where) {
  struct script *script = script_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script ? script->describe : 0);
  if (lua_isfunction(L, -1)) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)where);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) == 0) return;
  }
  log_printf(LOG_ERROR, "%s: an error that cannot be shown", where);
  lua_pop(L, 1);
}
