/*
 * class - how C makes the tables and metatables that Lua knows its things by.
 */
#ifndef RATCHET_SCRIPT_CLASS_H
#define RATCHET_SCRIPT_CLASS_H

#include <lauxlib.h>
#include <lua.h>

/* Fills the table at the top. */
void class_register(lua_State *L, const luaL_Reg *functions);
/* The same with the entries of a table in the registry. */
void class_add_fields(lua_State *L, int registered);
/* A metatable of that name, whose userdata have these methods, and are told of
 * their end by `collect`. */
void class_open(lua_State *L, const char *name, const luaL_Reg *methods,
                lua_CFunction collect);

#endif
