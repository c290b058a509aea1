/*
 * connection_methods - what an app can have a connection do.
 */
#ifndef RATCHET_SCRIPT_CONNECTION_METHODS_H
#define RATCHET_SCRIPT_CONNECTION_METHODS_H

#include <lauxlib.h>

extern const luaL_Reg connection_methods[];

#endif
