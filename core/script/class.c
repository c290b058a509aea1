/*
 * class - how C makes the tables and metatables that Lua knows its things by.
 */
#include "class.h"

#include <lauxlib.h>

void class_register(lua_State *L, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

void class_add_fields(lua_State *L, int registered) {
  int target = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, registered);
  lua_pushnil(L);
  while (lua_next(L, target + 1)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, target);
  }
  lua_settop(L, target);
}

void class_open(lua_State *L, const char *name, const luaL_Reg *methods,
                lua_CFunction collect) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  class_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
