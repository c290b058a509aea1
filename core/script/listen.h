/*
 * listen - core.listen: listeners, and what those who connect are given to.
 */
#ifndef RATCHET_SCRIPT_LISTEN_H
#define RATCHET_SCRIPT_LISTEN_H

#include <lauxlib.h>
#include <lua.h>

struct script;

/* Pushes the list core.handed. */
void script_push_handed(lua_State *L);
void script_close_listeners(struct script *script);
void script_drop_services(struct script *script);
void script_free_services(struct script *script);
/* Closes the listeners; nobody is connected to them any more. */
void script_forget_services(struct script *script);

extern const luaL_Reg listen_functions[]; /* of ratchet.core */

#endif
