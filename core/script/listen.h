/*
 * listen - core.listen: addresses, and sockets that were handed over.
 */
#ifndef RATCHET_SCRIPT_LISTEN_H
#define RATCHET_SCRIPT_LISTEN_H

#include <lauxlib.h>
#include <lua.h>

/* Pushes the list core.handed. */
void script_push_handed(lua_State *L);

extern const luaL_Reg listen_functions[]; /* of ratchet.core */

#endif
