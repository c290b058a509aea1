/*
 * topic_object - a topic as Lua sees it. The same name is the same value while
 * anybody has it; the members do not depend on that. What is kept and told of
 * members is membership.lua; users.lua makes users of topics.
 */
#include "topic_object.h"

#include "call.h"
#include "class.h"
#include "connection_object.h"
#include "message.h"
#include "modules.h"
#include "server/connection.h"
#include "server/server.h"
#include "server/topic.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

static const char object_name[] = "ratchet.Topic";
static char cache_key; /* the registry's table name -> object, weak */

static struct topic *check_topic(lua_State *L) {
  struct topic *topic = *(struct topic **)luaL_checkudata(L, 1, object_name);
  if (!topic) luaL_error(L, "this topic has been collected");
  return topic;
}

static int topic_add_member(lua_State *L) {
  struct topic *topic = check_topic(L);
  struct connection_object *object = connection_object_to(L, 2);
  if (object->conn && !topic_add(topic, object->conn)) {
    return luaL_error(L, "out of memory");
  }
  lua_settop(L, 1);
  return 1;
}

static int topic_remove_member(lua_State *L) {
  struct topic *topic = check_topic(L);
  struct connection_object *object = connection_object_to(L, 2);
  if (object->conn) topic_remove(topic, object->conn);
  lua_settop(L, 1);
  return 1;
}

static int topic_has_member(lua_State *L) {
  struct topic *topic = check_topic(L);
  struct connection_object *object = connection_object_to(L, 2);
  lua_pushboolean(L, object->conn && topic_has(topic, object->conn));
  return 1;
}

static int topic_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_topic(L)->count);
  return 1;
}

/* The options of broadcast: whom to leave out, and whether it is binary. */
static struct connection *read_options(lua_State *L, bool *is_binary) {
  struct connection *except = NULL;
  *is_binary = false;
  if (lua_isnoneornil(L, 3)) return NULL;
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_getfield(L, 3, "binary");
  *is_binary = lua_toboolean(L, -1);
  lua_getfield(L, 3, "exclude");
  if (!lua_isnil(L, -1)) except = connection_object_to(L, -1)->conn;
  lua_pop(L, 2);
  return except;
}

static int topic_broadcast_message(lua_State *L) {
  struct script *script = script_of(L);
  struct topic *topic = check_topic(L);
  bool is_binary;
  struct connection *except = read_options(L, &is_binary);
  struct payload *frame = payload_hold(
      message_payload(script, L, 2, is_binary ? OP_BINARY : OP_TEXT));
  struct payload *raw = NULL;
  if (topic->raw_count > 0) raw = message_payload(script, L, 2, OP_RAW);
  size_t taken = topic_broadcast(topic, frame, raw, except);
  payload_drop(frame);
  lua_pushinteger(L, (lua_Integer)taken);
  return 1;
}

/* A list of the members. One whose onOpen has found no memory is left out: Lua
 * does not know it. */
static int topic_list_members(lua_State *L) {
  struct script *script = script_of(L);
  struct topic *topic = check_topic(L);
  int count = 0;
  lua_createtable(L, (int)topic->count, 0);
  for (size_t i = 0; i < topic->count; i++) {
    struct connection *conn = topic->members[i]->conn;
    if (conn->app_view == 0) continue;
    connection_object_push(script, L, conn);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* Upvalues: the methods, and how the other fields are found. */
static int topic_index(lua_State *L) {
  struct topic *topic = check_topic(L);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1) || lua_type(L, 2) != LUA_TSTRING) return 1;
  if (strcmp(lua_tostring(L, 2), "name") == 0) {
    lua_pushlstring(L, topic->name, topic->name_length);
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

static int topic_tostring(lua_State *L) {
  struct topic *topic = check_topic(L);
  lua_pushliteral(L, "topic ");
  lua_pushlstring(L, topic->name, topic->name_length);
  lua_concat(L, 2);
  return 1;
}

static int topic_gc(lua_State *L) {
  struct topic **held = lua_touserdata(L, 1);
  if (*held) topic_drop(*held);
  *held = NULL;
  return 0;
}

static const luaL_Reg methods[] = {
    {"add", topic_add_member},
    {"broadcast", topic_broadcast_message},
    {"count", topic_count},
    {"has", topic_has_member},
    {"members", topic_list_members},
    {"remove", topic_remove_member},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", topic_gc},
    {"__tostring", topic_tostring},
    {NULL, NULL},
};

static void open_cache(lua_State *L) {
  lua_pushlightuserdata(L, &cache_key);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static int log_left(lua_State *L) {
  lua_settop(L, 1);
  script_log_error(L, "onLeave");
  return 0;
}

void topics_set_up(struct script *script, lua_State *L) {
  static const unsigned char membership[] = {
#include "membership.h"
  };
  static const unsigned char users[] = {
#include "users.h"
  };
  script_load_part(L, membership, sizeof membership, "=membership");
  lua_newtable(L);
  class_register(L, methods);
  lua_pushcfunction(L, log_left);
  lua_call(L, 2, 4);
  script->leave_topics = luaL_ref(L, LUA_REGISTRYINDEX);
  script->set_topic_field = luaL_ref(L, LUA_REGISTRYINDEX);
  script->get_topic_field = luaL_ref(L, LUA_REGISTRYINDEX);
  script->topic_methods = luaL_ref(L, LUA_REGISTRYINDEX);
  script_load_part(L, users, sizeof users, "=users");
  lua_pushcfunction(L, topic_object_get);
  lua_call(L, 1, 2);
  script->user_methods = luaL_ref(L, LUA_REGISTRYINDEX);
  script->users = luaL_ref(L, LUA_REGISTRYINDEX);
}

void topic_object_open(lua_State *L) {
  struct script *script = script_of(L);
  luaL_newmetatable(L, object_name);
  int metatable = lua_gettop(L);
  class_register(L, metamethods);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->topic_methods);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->get_topic_field);
  lua_pushcclosure(L, topic_index, 2);
  lua_setfield(L, metatable, "__index");
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->set_topic_field);
  lua_setfield(L, metatable, "__newindex");
  lua_pushliteral(L, "topic");
  lua_setfield(L, metatable, "__metatable");
  lua_pop(L, 1);
  open_cache(L);
}

/* core.topic(name) */
int topic_object_get(lua_State *L) {
  struct script *script = script_of(L);
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  lua_settop(L, 1);
  lua_pushlightuserdata(L, &cache_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_pushvalue(L, 1);
  lua_rawget(L, 2);
  if (!lua_isnil(L, -1)) return 1;
  struct topic **held = lua_newuserdata(L, sizeof(struct topic *));
  *held = NULL;
  luaL_getmetatable(L, object_name);
  lua_setmetatable(L, -2);
  *held = topic_get(&script->server->topics, (struct slice){name, length});
  if (!*held) return luaL_error(L, "out of memory");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawset(L, 2);
  return 1;
}
