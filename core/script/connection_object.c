/*
 * connection_object - the connection as Lua sees it.
 *
 * A userdata that borrows the connection; the same connection is always the
 * same value. The app's own fields (conn.name = "ada") live in a table that is
 * made by the first of them. The functions here check their arguments, call
 * server/connection.h, and translate the answer.
 */
#include "connection_object.h"

#include "answer.h"
#include "base/utf8.h"
#include "call.h"
#include "class.h"
#include "endpoint.h"
#include "event.h"
#include "message.h"
#include "proto/framed.h"
#include "proto/http_answer.h"
#include "request.h"
#include "server/connection.h"
#include "server/opening.h"
#include "state.h"
#include "strand.h"

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

static struct connection_object *check_object(lua_State *L) {
  return connection_object_to(L, 1);
}

/* ---- what it sends */

/* Is the argument `false`, and not left out? */
static bool is_false(lua_State *L, int index) {
  return lua_isboolean(L, index) && !lua_toboolean(L, index);
}

/* The fourth argument may forbid to compress. */
static int send_as(lua_State *L, int opcode) {
  struct connection_object *object = check_object(L);
  struct connection *conn = object->conn;
  if (conn && connection_is_open(conn)) {
    if (conn->is_raw) opcode = OP_RAW;
    struct payload *payload =
        message_payload(script_of_connection(conn), L, 2, opcode);
    if (conn->compression && is_false(L, 4))
      connection_send_as_is(conn, payload);
    else
      connection_send(conn, payload);
  }
  lua_settop(L, 1);
  return 1;
}

static int connection_send_message(lua_State *L) {
  return send_as(L, lua_toboolean(L, 3) ? OP_BINARY : OP_TEXT);
}

static int connection_send_binary(lua_State *L) {
  lua_settop(L, 3);
  lua_pushboolean(L, true);
  lua_insert(L, 3);
  return send_as(L, OP_BINARY);
}

static int send_control(lua_State *L, enum opcode opcode) {
  struct connection_object *object = check_object(L);
  size_t length;
  const char *data = luaL_optlstring(L, 2, "", &length);
  if (length > FRAME_CONTROL_MAX) {
    return luaL_error(L, "the data of a ping or pong has 125 bytes at most");
  }
  struct connection *conn = object->conn;
  if (conn && conn->state == CONNECTION_OPEN) {
    struct payload *payload = framed_copy(opcode, data, length);
    if (!payload) return luaL_error(L, "out of memory");
    connection_send(conn, payload);
    payload_drop(payload);
  }
  lua_settop(L, 1);
  return 1;
}

static int connection_ping(lua_State *L) {
  return send_control(L, OP_PING);
}

static int connection_pong(lua_State *L) {
  return send_control(L, OP_PONG);
}

/* ---- the rest of what it can be asked for */

static int close_object(lua_State *L) {
  struct connection_object *object = check_object(L);
  size_t length;
  int code = (int)luaL_optinteger(L, 2, CLOSE_NORMAL);
  const char *reason = luaL_optlstring(L, 3, "", &length);
  if (!close_code_is_sendable(code)) {
    return luaL_error(L,
                      "%d is no code to close with: 1000 to 1003, 1007 to "
                      "1014 and 3000 to 4999 are",
                      code);
  }
  if (length > FRAME_CONTROL_MAX - 2) {
    return luaL_error(L, "the reason has %d bytes; 123 is the most",
                      (int)length);
  }
  if (!utf8_valid((const uint8_t *)reason, length)) {
    return luaL_error(L, "the reason must be UTF-8");
  }
  if (object->conn) {
    connection_close(object->conn, code, (struct slice){reason, length});
  }
  lua_settop(L, 1);
  return 1;
}

static int terminate_object(lua_State *L) {
  struct connection_object *object = check_object(L);
  if (object->conn) connection_terminate(object->conn);
  lua_settop(L, 1);
  return 1;
}

static int pause_object(lua_State *L) {
  struct connection_object *object = check_object(L);
  if (object->conn) connection_pause(object->conn, PAUSE_ASKED);
  lua_settop(L, 1);
  return 1;
}

static int resume_object(lua_State *L) {
  struct connection_object *object = check_object(L);
  if (object->conn) connection_resume(object->conn, PAUSE_ASKED);
  lua_settop(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
    {"close", close_object},
    {"pause", pause_object},
    {"ping", connection_ping},
    {"pong", connection_pong},
    {"resume", resume_object},
    {"send", connection_send_message},
    {"sendBinary", connection_send_binary},
    {"terminate", terminate_object},
    {NULL, NULL},
};

/* ---- properties */

static int push_id(lua_State *L, struct connection_object *object) {
  lua_pushnumber(L, (lua_Number)object->id);
  return 1;
}

static int push_ready_state(lua_State *L, struct connection_object *object) {
  struct connection *conn = object->conn;
  int state = 3;
  if (conn && connection_is_open(conn))
    state = 1;
  else if (conn && conn->state == CONNECTION_CLOSING)
    state = 2;
  lua_pushinteger(L, state);
  return 1;
}

static int push_buffered(lua_State *L, struct connection_object *object) {
  size_t amount = object->conn ? connection_buffered(object->conn) : 0;
  lua_pushinteger(L, (lua_Integer)amount);
  return 1;
}

static int push_address_text(lua_State *L, const struct address *address) {
  char text[ADDRESS_TEXT_MAX];
  address_format(address, text);
  lua_pushstring(L, text);
  return 1;
}

static int push_address(lua_State *L, struct connection_object *object) {
  if (!object->conn) return 0;
  return push_address_text(L, connection_client(object->conn));
}

static int push_peer(lua_State *L, struct connection_object *object) {
  if (!object->conn) return 0;
  return push_address_text(L, &object->conn->peer);
}

static int push_port(lua_State *L, struct connection_object *object) {
  if (!object->conn) return 0;
  lua_pushinteger(L, connection_client(object->conn)->port);
  return 1;
}

static int push_protocol(lua_State *L, struct connection_object *object) {
  struct connection *conn = object->conn;
  lua_pushstring(L, conn ? connection_protocol(conn) : "");
  return 1;
}

static int push_extensions(lua_State *L, struct connection_object *object) {
  char text[DEFLATE_TERMS_MAX];
  size_t length = 0;
  if (object->conn && object->conn->compression) {
    length = deflate_write_terms(&object->conn->compression->terms, text);
  }
  lua_pushlstring(L, text, length);
  return 1;
}

static int push_secure(lua_State *L, struct connection_object *object) {
  struct connection *conn = object->conn;
  lua_pushboolean(L, conn && connection_is_secure(conn));
  return 1;
}

static void set_field(lua_State *L, struct connection_object *object);

/* The request that the app has been told of, while `open` runs; else one made
 * from the head's bytes. It then stays the same. */
static int push_request(lua_State *L, struct connection_object *object) {
  struct connection *conn = object->conn;
  struct http_head head;
  if (!conn) return 0;
  struct script *script = script_of(L);
  if (script->opening == conn) {
    script_push_held(script, L, script->opening_request);
  } else if (connection_head(conn, &head)) {
    request_push(script, L, conn, &head);
  } else {
    return 0;
  }
  lua_pushliteral(L, "httpRequest");
  lua_pushvalue(L, -2);
  set_field(L, object);
  return 1;
}

/* "" before the app's code has a version. */
static int push_version(lua_State *L, struct connection_object *object) {
  struct script *script = script_of(L);
  char text[9] = "";
  uint32_t version = script->version;
  if (object->conn) version = strand_version(script, object->conn);
  if (version != 0) snprintf(text, sizeof text, "%08x", version);
  lua_pushstring(L, text);
  return 1;
}

/* What the server answered; it then stays the same. */
static int push_response(lua_State *L, struct connection_object *object) {
  struct connection *conn = object->conn;
  struct http_answer answer;
  if (!conn || !connection_answer_head(conn, &answer)) return 0;
  answer_push(script_of(L), L, &answer, SLICE(""));
  lua_pushliteral(L, "httpResponse");
  lua_pushvalue(L, -2);
  set_field(L, object);
  return 1;
}

static const struct property {
  const char *name;
  int (*push)(lua_State *L, struct connection_object *object);
} properties[] = {
    {"bufferedAmount", push_buffered}, {"extensions", push_extensions},
    {"httpRequest", push_request},     {"httpResponse", push_response},
    {"peerAddress", push_peer},        {"protocol", push_protocol},
    {"readyState", push_ready_state},  {"remoteAddress", push_address},
    {"remotePort", push_port},         {"resourceId", push_id},
    {"secure", push_secure},           {"version", push_version},
};

enum { PROPERTIES = sizeof properties / sizeof *properties };

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
  struct connection_object *object = check_object(L);
  lua_pushvalue(L, 2);
  lua_rawget(L, UP_MEMBERS);
  bool is_property = lua_type(L, 3) == LUA_TNUMBER;
  push_field(L, object, 2);
  if (!is_property || !lua_isnil(L, -1)) return 1;
  return properties[lua_tointeger(L, 3)].push(L, object);
}

/* Name and value at the top; pops both. The object is at 1. */
static void set_field(lua_State *L, struct connection_object *object) {
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
  struct connection_object *object = check_object(L);
  lua_pushvalue(L, 2);
  lua_rawget(L, UP_MEMBERS);
  if (!lua_isnil(L, -1)) {
    return luaL_error(L, "\"%s\" is the connection's own and cannot be set",
                      lua_tostring(L, 2));
  }
  lua_settop(L, 3);
  set_field(L, object);
  return 0;
}

static int object_tostring(lua_State *L) {
  struct connection_object *object = check_object(L);
  lua_pushfstring(L, "connection %d", (int)object->id);
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__tostring", object_tostring},
    {NULL, NULL},
};

static void push_methods(lua_State *L) {
  lua_newtable(L);
  class_register(L, methods);
  class_add_fields(L, script_of(L)->line_methods);
  class_add_fields(L, script_of(L)->user_methods);
}

/* Methods by name for the prelude's __index; the same and the properties, as
 * numbers, for what it does not find. */
static void push_members(lua_State *L) {
  push_methods(L);
  for (int i = 0; i < PROPERTIES; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, properties[i].name);
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

/* Its address is the key, among the app's fields, of what a line has left:
 * messages and whether they are binary, from the index at 0 on; the component;
 * how it closed. */
static const char line_key;

struct line_end {
  struct connection *conn;
  const struct event *close;
};

static void push_messages(lua_State *L, struct connection *conn) {
  int at = 0;
  const struct event *event;
  lua_newtable(L);
  while ((event = strand_first(conn)) && event->kind == EVENT_MESSAGE) {
    lua_pushlstring(L, event->data.at, event->data.length);
    lua_rawseti(L, -2, ++at);
    lua_pushboolean(L, event->is_binary);
    lua_rawseti(L, -2, ++at);
    strand_take(conn, event);
  }
  lua_pushinteger(L, 1);
  lua_rawseti(L, -2, 0);
}

static int work_keep_line(lua_State *L) {
  const struct line_end *end = lua_touserdata(L, 1);
  const struct script_endpoint *endpoint =
      (const struct script_endpoint *)end->conn->endpoint;
  connection_object_push(script_of(L), L, end->conn);
  lua_replace(L, 1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&line_key);
  push_messages(L, end->conn);
  lua_pushinteger(L, end->close->code);
  lua_setfield(L, -2, "code");
  script_set_text(L, "reason", end->close->data);
  script_push_held(script_of(L), L, endpoint->component);
  lua_setfield(L, -2, "component");
  set_field(L, lua_touserdata(L, 1));
  return 0;
}

/* Without memory, the rest is lost. */
void connection_object_keep_line(struct script *script, struct connection *conn,
                                 const struct event *close) {
  struct line_end end = {conn, close};
  const struct event *event;
  if (conn->app_view != 0) {
    script_protect(script, work_keep_line, &end, "close");
  }
  while ((event = strand_first(conn)) && event->kind == EVENT_MESSAGE) {
    strand_take(conn, event);
  }
}

/* The message at that index of the table at the top, whether it is binary, and
 * the component; taken out of there. */
static int take_message(lua_State *L, int at) {
  int table = lua_gettop(L);
  lua_pushinteger(L, at + 2);
  lua_rawseti(L, table, 0);
  lua_rawgeti(L, table, at);
  lua_rawgeti(L, table, at + 1);
  lua_pushnil(L);
  lua_rawseti(L, table, at);
  lua_getfield(L, table, "component");
  return 3;
}

int connection_object_take_rest(lua_State *L) {
  struct connection_object *object = check_object(L);
  lua_settop(L, 1);
  if (!object->has_fields) return 0;
  lua_getfenv(L, 1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&line_key);
  lua_rawget(L, -2);
  if (!lua_istable(L, -1)) return 0;
  lua_rawgeti(L, 3, 0);
  int at = (int)lua_tointeger(L, -1);
  lua_rawgeti(L, 3, at);
  bool is_message = !lua_isnil(L, -1);
  lua_settop(L, 3);
  if (is_message) return take_message(L, at);
  lua_pushnil(L);
  lua_getfield(L, 3, "code");
  lua_getfield(L, 3, "reason");
  return 3;
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
    set_field(L, lua_touserdata(L, 1));
  }
  lua_settop(L, request - 1);
}
