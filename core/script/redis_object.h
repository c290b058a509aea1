/*
 * redis_object - a connection to a Redis server as Lua sees it.
 */
#ifndef RATCHET_SCRIPT_REDIS_OBJECT_H
#define RATCHET_SCRIPT_REDIS_OBJECT_H

#include <lauxlib.h>
#include <lua.h>

struct script;

void redis_object_open(lua_State *L);
/* Sends what handlers have written in this turn. */
void redis_object_flush(struct script *script);
void redis_object_close_all(struct script *script);

extern const luaL_Reg redis_functions[]; /* of ratchet.core */

#endif
