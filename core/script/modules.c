/*
 * What `require` finds, and how Lua code is loaded: as text only. Bytecode that
 * was tampered with can crash the process; text cannot.
 */
#include "modules.h"

#include "call.h"
#include "core.h"
#include "state.h"

#include <lauxlib.h>
#include <libgen.h>
#include <lua-cjson.h>
#include <lua.h>
#include <lualib.h>
#include <luv/luv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LuaJIT's own message for bytecode does not say where it is. */
int script_load_file(lua_State *L, const char *path) {
  int status = luaL_loadfilex(L, path, "t");
  if (status == 0) return 0;
  if (strstr(lua_tostring(L, -1), "wrong mode")) {
    lua_pushfstring(L, "%s is bytecode; Lua is loaded as text only", path);
    lua_replace(L, -2);
  }
  return status;
}

void script_load_part(lua_State *L, const unsigned char *source, size_t length,
                      const char *name) {
  if (luaL_loadbufferx(L, (const char *)source, length, name, "t") != 0) {
    lua_error(L);
  }
}

/* package.loaders[2]: as the original, but for text only. */
static int find_lua_file(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchpath");
  lua_pushvalue(L, 1);
  lua_getfield(L, -3, "path");
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2)) return 1; /* the message says where it looked */
  const char *path = lua_tostring(L, -2);
  if (script_load_file(L, path) == 0) return 1;
  return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name,
                    path, lua_tostring(L, -1));
}

/* load, loadstring, loadfile with their mode held at "t"; the original is
 * upvalue 1, the mode's place among the arguments upvalue 2. */
static int load_text(lua_State *L) {
  int place = (int)lua_tointeger(L, lua_upvalueindex(2));
  if (lua_gettop(L) < place) lua_settop(L, place);
  lua_pushliteral(L, "t");
  lua_replace(L, place);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static void hold_to_text(lua_State *L, const char *name, int place) {
  lua_getglobal(L, name);
  lua_pushinteger(L, place);
  lua_pushcclosure(L, load_text, 2);
  lua_setglobal(L, name);
}

static int load_and_run(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (script_load_file(L, path) != 0) return lua_error(L);
  lua_call(L, 0, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

static void load_text_only(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  lua_pushcfunction(L, find_lua_file);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
  hold_to_text(L, "load", 3);
  hold_to_text(L, "loadstring", 3);
  hold_to_text(L, "loadfile", 2);
  lua_register(L, "dofile", load_and_run);
}

/* luv on the server's loop, guarded by the prelude. Pushes the module. It calls
 * back on the state that opened it, so that must be the main one: a coroutine
 * that happened to require it first would be collected under it. */
static void push_luv(struct script *script, lua_State *L) {
  luv_set_loop(L, &script->loop->uv);
  luv_set_callback(L, script_call_luv);
  lua_pushcfunction(L, luaopen_luv);
  lua_call(L, 0, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->guard_luv);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 2);
  script->own_handle = script_hold(script, L);
  script->close_luv = script_hold(script, L);
}

static int return_upvalue(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  return 1;
}

static int close_luv(lua_State *L) {
  struct script *script = lua_touserdata(L, 1);
  script_push_held(script, L, script->close_luv);
  lua_call(L, 0, 0);
  return 0;
}

void script_close_luv(struct script *script) {
  if (script->close_luv == LUA_NOREF) return;
  script_protect(script, close_luv, script, "luv");
}

/* `require` of that name calls the function at the top. Pops it. */
static void preload(lua_State *L, const char *name) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, name);
  lua_pop(L, 3);
}

void script_open_modules(struct script *script, lua_State *L) {
  push_luv(script, L);
  lua_pushcclosure(L, return_upvalue, 1);
  preload(L, "luv");
  lua_pushcfunction(L, luaopen_cjson);
  preload(L, "cjson");
  lua_pushcfunction(L, script_open_core);
  preload(L, "ratchet.core");
}

void script_open_libraries(lua_State *L) {
  luaL_openlibs(L);
  load_text_only(L);
}

static void add_path(lua_State *L, luaL_Buffer *path, const char *folder) {
  (void)L;
  luaL_addstring(path, folder);
  luaL_addstring(path, "/?.lua;");
  luaL_addstring(path, folder);
  luaL_addstring(path, "/?/init.lua;");
}

/* Ratchet's own modules lie beside the program: in the source tree where it was
 * built, under share/ where it was installed. */
static void add_own_paths(lua_State *L, luaL_Buffer *path) {
  char program[4096], folder[4200];
  size_t size = sizeof program;
  if (uv_exepath(program, &size) != 0) return;
  const char *beside = dirname(program);
  snprintf(folder, sizeof folder, "%s/../lua", beside);
  add_path(L, path, folder);
  snprintf(folder, sizeof folder, "%s/../share/lua/5.1", beside);
  add_path(L, path, folder);
}

void script_set_paths(lua_State *L, const char *app_path) {
  luaL_Buffer path;
  char app[4096];
  snprintf(app, sizeof app, "%s", app_path);
  lua_getglobal(L, "package");
  luaL_buffinit(L, &path);
  add_path(L, &path, dirname(app));
  add_own_paths(L, &path);
  lua_getfield(L, 1, "path");
  luaL_addvalue(&path);
  luaL_pushresult(&path);
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
}
