/*
 * connection_object - the connection as Lua sees it.
 *
 * A userdata that borrows the connection; the same connection is always the
 * same value. The app's own fields (conn.name = "ada") live in a table that is
 * made by the first of them. What it can do is connection_methods.c, what it
 * can be asked connection_properties.c; here is what it is, and how long it
 * lives.
 */
#include "connection_object.h"

#include "call.h"
#include "class.h"
#include "connection_methods.h"
#include "connection_properties.h"
#include "server/connection.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

/* Upvalue of the functions that find members: the table of them. */
#define UP_MEMBERS lua_upvalueindex(1)

static const char object_name[] = "ratchet.Connection";

/* Its address is in every connection object, and in nothing else. */
static const char object_kind;

/* The object at that index, or NULL. Quicker than comparing metatables. */
static struct connection_object *to_object(lua_State *L, int index) {
  struct connection_object *object = lua_touserdata(L, index);
  if (!object || lua_objlen(L, index) != sizeof *object) return NULL;
  return object->kind == &object_kind ? object : NULL;
}

struct connection_object *connection_object_to(lua_State *L, int index) {
  struct connection_object *object = to_object(L, index);
  if (!object) luaL_typerror(L, index, object_name);
  return object;
}

/* ---- its members */

/* Pushes the app's own field of the name at `key`, or nil. */
static void push_field(lua_State *L, struct connection_object *object,
                       int key) {
  if (!object->has_fields) {
    lua_pushnil(L);
    return;
  }
  lua_getfenv(L, 1);
  lua_pushvalue(L, key);
  lua_rawget(L, -2);
}

/* What is no method. Properties stand as numbers in the table of members. */
static int get_field(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, UP_MEMBERS);
  bool is_property = lua_type(L, 3) == LUA_TNUMBER;
  push_field(L, object, 2);
  if (!is_property || !lua_isnil(L, -1)) return 1;
  return connection_properties[lua_tointeger(L, 3)].push(L, object);
}

void connection_object_set(lua_State *L, struct connection_object *object) {
  if (!object->has_fields) {
    lua_newtable(L);
    lua_setfenv(L, 1);
    object->has_fields = true;
  }
  lua_getfenv(L, 1);
  lua_insert(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

static int newindex_object(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, UP_MEMBERS);
  if (!lua_isnil(L, -1)) {
    return luaL_error(L, "\"%s\" is the connection's own and cannot be set",
                      lua_tostring(L, 2));
  }
  lua_settop(L, 3);
  connection_object_set(L, object);
  return 0;
}

static int object_tostring(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  lua_pushfstring(L, "connection %d", (int)object->id);
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__tostring", object_tostring},
    {NULL, NULL},
};

static void push_methods(lua_State *L) {
  lua_newtable(L);
  class_register(L, connection_methods);
  class_add_fields(L, script_of(L)->line_methods);
  class_add_fields(L, script_of(L)->user_methods);
}

/* Methods by name for the prelude's __index; the same and the properties, as
 * numbers, for what it does not find. */
static void push_members(lua_State *L) {
  push_methods(L);
  for (int i = 0; connection_properties[i].name; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, connection_properties[i].name);
  }
}

static void set_index(lua_State *L, int metatable) {
  struct script *script = script_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->index_of);
  push_methods(L);
  lua_pushvalue(L, -1);
  script->connection_methods = luaL_ref(L, LUA_REGISTRYINDEX);
  push_members(L);
  lua_pushcclosure(L, get_field, 1);
  lua_call(L, 2, 1);
  lua_setfield(L, metatable, "__index");
}

void connection_object_open(lua_State *L) {
  luaL_newmetatable(L, object_name);
  int metatable = lua_gettop(L);
  class_register(L, metamethods);
  set_index(L, metatable);
  push_members(L);
  lua_pushcclosure(L, newindex_object, 1);
  lua_setfield(L, metatable, "__newindex");
  lua_pushliteral(L, "connection");
  lua_setfield(L, metatable, "__metatable");
  lua_pop(L, 1);
}

/* ---- its life */

static int make_object(lua_State *L) {
  struct connection *conn = lua_touserdata(L, 1);
  struct script *script = script_of(L);
  struct connection_object *object = lua_newuserdata(L, sizeof *object);
  *object = (struct connection_object){&object_kind, conn, conn->id, false};
  luaL_getmetatable(L, object_name);
  lua_setmetatable(L, -2);
  conn->app_view = script_hold(script, L);
  return 0;
}

bool connection_object_make(struct script *script, struct connection *conn) {
  return script_protect(script, make_object, conn, "connection");
}

void connection_object_push(struct script *script, lua_State *L,
                            struct connection *conn) {
  script_push_held(script, L, conn->app_view);
}

void connection_object_empty(struct script *script, struct connection *conn) {
  if (conn->app_view == 0) return;
  lua_State *L = script->L;
  connection_object_push(script, L, conn);
  struct connection_object *object = lua_touserdata(L, -1);
  object->conn = NULL;
  lua_pop(L, 1);
  script_release(script, conn->app_view);
  conn->app_view = 0;
}

void connection_object_keep_request(struct script *script, lua_State *L,
                                    struct connection *conn, bool always) {
  int request = lua_gettop(L);
  lua_pushliteral(L, "kept");
  lua_rawget(L, request);
  if ((always || lua_toboolean(L, -1)) && conn->app_view != 0) {
    lua_settop(L, request);
    connection_object_push(script, L, conn);
    lua_replace(L, 1);
    lua_pushliteral(L, "httpRequest");
    lua_pushvalue(L, request);
    connection_object_set(L, lua_touserdata(L, 1));
  }
  lua_settop(L, request - 1);
}
