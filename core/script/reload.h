/*
 * reload - what a reload, which is Lua (lua/ratchet/reload/), needs of C.
 */
#ifndef RATCHET_SCRIPT_RELOAD_H
#define RATCHET_SCRIPT_RELOAD_H

#include <lauxlib.h>
#include <lua.h>

/* Before the app file is loaded: its files are noted from here on. */
void reload_prepare(lua_State *L, const char *app_path);

extern const luaL_Reg reload_functions[]; /* of ratchet.core */

#endif
