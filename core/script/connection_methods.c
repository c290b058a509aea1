/*
 * connection_methods - what an app can have a connection do. Each checks its
 * arguments, calls server/connection.h, and returns the connection.
 */
#include "connection_methods.h"

#include "base/utf8.h"
#include "connection_object.h"
#include "endpoint.h"
#include "message.h"
#include "proto/framed.h"
#include "server/connection.h"

#include <lauxlib.h>
#include <lua.h>

/* Is the argument `false`, and not left out? */
static bool is_false(lua_State *L, int index) {
  return lua_isboolean(L, index) && !lua_toboolean(L, index);
}

/* The fourth argument may forbid to compress. */
static int send_as(lua_State *L, int opcode) {
  struct connection_object *object = connection_object_to(L, 1);
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
  lua_pushvalue(L, 1);
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
  struct connection_object *object = connection_object_to(L, 1);
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
  lua_pushvalue(L, 1);
  return 1;
}

static int connection_ping(lua_State *L) {
  return send_control(L, OP_PING);
}

static int connection_pong(lua_State *L) {
  return send_control(L, OP_PONG);
}

static int close_object(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
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
  lua_pushvalue(L, 1);
  return 1;
}

static int terminate_object(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  if (object->conn) connection_terminate(object->conn);
  lua_pushvalue(L, 1);
  return 1;
}

static int pause_object(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  if (object->conn) connection_pause(object->conn, PAUSE_ASKED);
  lua_pushvalue(L, 1);
  return 1;
}

static int resume_object(lua_State *L) {
  struct connection_object *object = connection_object_to(L, 1);
  if (object->conn) connection_resume(object->conn, PAUSE_ASKED);
  lua_pushvalue(L, 1);
  return 1;
}

const luaL_Reg connection_methods[] = {
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
