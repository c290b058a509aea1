/*
 * command - how a command of the program, which is Lua, ends it.
 */
#ifndef RATCHET_SCRIPT_COMMAND_H
#define RATCHET_SCRIPT_COMMAND_H

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg command_functions[]; /* of ratchet.core */

#endif
