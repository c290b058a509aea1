/*
 * command - `ratchet-lua NAME ...`: a module of Lua, ratchet.command.NAME, runs
 * in place of an app. lua/ratchet/command.lua says how; here is how it begins
 * and how it ends.
 */
#include "command.h"

#include "call.h"
#include "modules.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

struct command {
  const char *name;
  int count;
  char **arguments;
};

/* require("ratchet.command").start(name, ...) */
static int begin(lua_State *L) {
  const struct command *command = lua_touserdata(L, 1);
  lua_settop(L, 0);
  script_set_paths(L, "./"); /* modules of the folder that it is started in */
  lua_getglobal(L, "require");
  lua_pushliteral(L, "ratchet.command");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "start");
  luaL_checkstack(L, command->count + 1, "too many arguments");
  lua_pushstring(L, command->name);
  for (int i = 0; i < command->count; i++) {
    lua_pushstring(L, command->arguments[i]);
  }
  lua_call(L, command->count + 1, 0);
  return 0;
}

bool script_begin_command(struct script *script, const char *name, int count,
                          char **arguments) {
  struct command command = {name, count, arguments};
  script->is_command = true;
  return script_protect(script, begin, &command, "ratchet-lua");
}

int script_status(const struct script *script) {
  return script->status;
}

/* finish(status): the program ends with it, after this turn. */
static int command_finish(lua_State *L) {
  struct script *script = script_of(L);
  int status = luaL_checkint(L, 1);
  luaL_argcheck(L, status >= 0 && status <= 255, 1, "0 to 255 is expected");
  if (!script->is_command) return luaL_error(L, "only a command can end so");
  script->status = status;
  loop_stop(script->loop);
  return 0;
}

const luaL_Reg command_functions[] = {
    {"finish", command_finish},
    {NULL, NULL},
};
