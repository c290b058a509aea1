/*
 * connection_properties - what an app can ask of a connection: conn.protocol,
 * conn.remoteAddress and so on, looked up anew each time.
 */
#include "connection_properties.h"

#include "answer.h"
#include "connection_object.h"
#include "proto/http_answer.h"
#include "request.h"
#include "server/connection.h"
#include "server/opening.h"
#include "state.h"
#include "strand.h"

#include <lua.h>
#include <stdio.h>

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
  connection_object_set(L, object);
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
  connection_object_set(L, object);
  return 1;
}

const struct connection_property connection_properties[] = {
    {"bufferedAmount", push_buffered},
    {"extensions", push_extensions},
    {"httpRequest", push_request},
    {"httpResponse", push_response},
    {"peerAddress", push_peer},
    {"protocol", push_protocol},
    {"readyState", push_ready_state},
    {"remoteAddress", push_address},
    {"remotePort", push_port},
    {"resourceId", push_id},
    {"secure", push_secure},
    {"version", push_version},
    {NULL, NULL},
};
