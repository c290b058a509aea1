/*
 * connect - connections that go out: core.connect.
 */
#ifndef RATCHET_SCRIPT_CONNECT_H
#define RATCHET_SCRIPT_CONNECT_H

#include <lauxlib.h>
#include <lua.h>

struct script;

void connect_open(lua_State *L);
/* Ends every attempt; who waits for it is not told. */
void connects_end(struct script *script);

extern const luaL_Reg connect_functions[]; /* of ratchet.core */

#endif
