/*
 * crypto - what Lua needs to check who somebody is.
 */
#ifndef RATCHET_SCRIPT_CRYPTO_H
#define RATCHET_SCRIPT_CRYPTO_H

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg crypto_functions[]; /* of ratchet.core */

#endif
