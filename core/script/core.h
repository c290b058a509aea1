/*
 * core - the module ratchet.core: everything that C gives to Lua.
 */
#ifndef RATCHET_SCRIPT_CORE_H
#define RATCHET_SCRIPT_CORE_H

#include <lua.h>

/* What `require "ratchet.core"` calls. */
int script_open_core(lua_State *L);

#endif
