/*
 * caller_object - a connection to an HTTP server as Lua sees it.
 */
#ifndef RATCHET_SCRIPT_CALLER_OBJECT_H
#define RATCHET_SCRIPT_CALLER_OBJECT_H

#include <lua.h>

struct script;

void caller_object_open(lua_State *L);
int caller_object_new(lua_State *L); /* core.caller */
/* Ends them all, and nobody is told. */
void caller_object_close_all(struct script *script);

#endif
