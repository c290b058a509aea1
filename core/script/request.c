/*
 * request - a request on its way to Lua, and the decision on its way back.
 *
 * Lua gets a plain table with what was parsed; its metatable (given by
 * lua/ratchet/http/request.lua) computes the rest when it is asked for. What
 * the listener's function may return stands in lua/ratchet/meta/core.lua.
 */
#include "request.h"

#include "base/log.h"
#include "call.h"
#include "endpoint.h"
#include "proto/http_response.h"
#include "proto/lesson.h"
#include "server/connection.h"
#include "source.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

void request_push_headers(lua_State *L, const struct http_header *headers,
                          size_t count) {
  lua_createtable(L, (int)count * 2, 0);
  for (size_t i = 0; i < count; i++) {
    const struct http_header *header = &headers[i];
    lua_pushlstring(L, header->name.at, header->name.length);
    lua_rawseti(L, -2, (int)(2 * i + 1));
    lua_pushlstring(L, header->value.at, header->value.length);
    lua_rawseti(L, -2, (int)(2 * i + 2));
  }
}

static void set_peer(lua_State *L, const struct connection *conn) {
  char text[ADDRESS_TEXT_MAX];
  address_format(&conn->peer, text);
  script_set_text(L, "peerAddress", slice_of(text));
  if (conn->client) address_format(connection_client(conn), text);
  script_set_text(L, "remoteAddress", slice_of(text));
  lua_pushinteger(L, connection_client(conn)->port);
  lua_setfield(L, -2, "remotePort");
  lua_pushboolean(L, connection_is_secure(conn));
  lua_setfield(L, -2, "secure");
}

static void set_tls(lua_State *L, const struct connection *conn) {
  struct transport_secrecy secrecy;
  if (!connection_describe(conn, &secrecy)) return;
  lua_createtable(L, 0, 4);
  script_set_text(L, "version", slice_of(secrecy.version));
  script_set_text(L, "cipher", slice_of(secrecy.cipher));
  if (secrecy.server_name) {
    script_set_text(L, "serverName", slice_of(secrecy.server_name));
  }
  if (secrecy.client[0]) {
    script_set_text(L, "client", slice_of(secrecy.client));
  }
  lua_setfield(L, -2, "tls");
}

static void set_upgrade(lua_State *L, const struct connection *conn,
                        const struct http_head *head) {
  struct refusal refusal = {0};
  if (connection_may_upgrade(conn, head, &refusal)) return;
  lua_pushinteger(L, refusal.status);
  lua_setfield(L, -2, "upgradeStatus");
  script_set_text(L, "upgradeReason", slice_of(refusal.reason));
  script_set_text(L, "upgradeLesson", slice_of(lesson_of(refusal.reason)));
}

void request_push(struct script *script, lua_State *L, struct connection *conn,
                  const struct http_head *head) {
  luaL_checkstack(L, 8, "request");
  lua_createtable(L, 0, 14);
  script_set_text(L, "method", head->method);
  script_set_text(L, "target", head->target);
  char version[] = {(char)('0' + head->major), '.', (char)('0' + head->minor)};
  script_set_text(L, "version", (struct slice){version, sizeof version});
  request_push_headers(L, head->headers, head->count);
  lua_setfield(L, -2, "rawHeaders");
  set_peer(L, conn);
  set_tls(L, conn);
  script_set_text(L, "body", connection_body(conn));
  set_upgrade(L, conn, head);
  if (script->request_metatable == LUA_NOREF) return;
  script_push_held(script, L, script->request_metatable);
  lua_setmetatable(L, -2);
}

/* ---- what the listener's function returned */

/* Read from the coroutine's results, which stay on it while this is used; owns
 * the header lines. */
struct decision {
  struct script *script;
  lua_State *co;
  int first;   /* the results' place on it */
  int request; /* held, and held anew as `opening` */
  int opening;
  struct script_endpoint *endpoint; /* NULL: answer with the status */
  bool is_raw;
  int status;
  struct slice text;            /* the sub-protocol or the body */
  struct answer_source *source; /* what the body comes from, or NULL */
  uint64_t length;              /* of that, if the app knows it */
  struct buffer headers;
};

/* What says where an answer ends, and what is agreed on in a 101, is the core's
 * to write: two of them could be read in two ways. */
static bool is_own_header(struct slice name) {
  static const char *const own[] = {"Content-Length", "Transfer-Encoding",
                                    "Date", "Sec-WebSocket-Accept",
                                    "Sec-WebSocket-Extensions"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (slice_equals_nocase(name, slice_of(own[i]))) return true;
  }
  return false;
}

/* ANSWER_LENGTH_UNKNOWN when it is no number of bytes. */
static uint64_t length_in(struct slice text) {
  uint64_t length;
  return slice_number(text, 18, &length) ? length : ANSWER_LENGTH_UNKNOWN;
}

/* Is it the length of a body that comes piece by piece, which only the app may
 * know? */
static bool take_length(lua_State *L, struct decision *decision,
                        const struct slice parts[2]) {
  if (!decision->source ||
      !slice_equals_nocase(parts[0], SLICE("Content-Length"))) {
    return false;
  }
  if (decision->length != ANSWER_LENGTH_UNKNOWN) {
    luaL_error(L, "Content-Length is there twice");
  }
  decision->length = length_in(parts[1]);
  if (decision->length == ANSWER_LENGTH_UNKNOWN) {
    luaL_error(L, "Content-Length is a whole number of bytes, not \"%s\"",
               parts[1].at);
  }
  return true;
}

static void add_header(lua_State *L, struct decision *decision, int name,
                       int value) {
  struct slice parts[2];
  parts[0].at = lua_tolstring(L, name, &parts[0].length);
  parts[1].at = lua_tolstring(L, value, &parts[1].length);
  if (!parts[0].at || !parts[1].at) {
    luaL_error(L, "a header's name and value must be strings");
  }
  if (!http_header_is_safe(parts[0], parts[1])) {
    luaL_error(L, "header \"%s\" has characters that no header may have",
               lua_tostring(L, name));
  }
  if (take_length(L, decision, parts)) return;
  if (is_own_header(parts[0])) {
    luaL_error(L, "header \"%s\" is the server's own and cannot be set",
               lua_tostring(L, name));
  }
  if (!http_response_header(&decision->headers, parts[0], parts[1])) {
    luaL_error(L, "out of memory");
  }
}

/* The values of one name: a string, or a list of them. */
static void add_values(lua_State *L, struct decision *decision, int name,
                       int value) {
  if (!lua_istable(L, value)) {
    add_header(L, decision, name, value);
    return;
  }
  int count = (int)lua_objlen(L, value);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, value, i);
    add_header(L, decision, name, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static void read_headers(lua_State *L, int index, struct decision *decision) {
  if (lua_isnoneornil(L, index)) return;
  luaL_checktype(L, index, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    int value = lua_gettop(L);
    lua_pushvalue(L, value - 1); /* tolstring must not touch next's key */
    add_values(L, decision, value + 1, value);
    lua_settop(L, value - 1);
  }
}

static void read_text(lua_State *L, int index, struct slice *text) {
  *text = SLICE("");
  if (lua_isnoneornil(L, index)) return;
  luaL_argcheck(L, lua_type(L, index) == LUA_TSTRING, index,
                "a string is expected");
  text->at = lua_tolstring(L, index, &text->length);
}

/* endpoint [, protocol [, headers]] */
static void read_endpoint(lua_State *L, struct decision *decision) {
  read_text(L, 2, &decision->text);
  if (!http_header_is_safe(SLICE("Sec-WebSocket-Protocol"), decision->text)) {
    luaL_error(L, "the sub-protocol has characters that no header may have");
  }
  read_headers(L, 3, decision);
}

/* status [, body [, headers [, over]]] */
static void read_answer(lua_State *L, struct decision *decision) {
  decision->status = (int)lua_tointeger(L, 1);
  if (decision->status < 200 || decision->status > 599) {
    luaL_error(L, "%d is no status to answer with: 200 to 599 are",
               decision->status);
  }
  if (lua_isfunction(L, 2)) {
    source_new(decision->script, L, 2, 4, &decision->source);
  } else {
    read_text(L, 2, &decision->text);
  }
  read_headers(L, 3, decision);
}

static bool says_raw(lua_State *L) {
  return lua_type(L, 1) == LUA_TSTRING &&
         strcmp(lua_tostring(L, 1), "raw") == 0;
}

static int read_decision(lua_State *L) {
  struct decision *decision = lua_touserdata(L, 1);
  script_push_held(decision->script, L, decision->request);
  decision->opening = script_hold(decision->script, L);
  lua_settop(L, 0);
  for (int i = 0; i < 4; i++) lua_pushvalue(decision->co, decision->first + i);
  lua_xmove(decision->co, L, 4);
  decision->is_raw = says_raw(L);
  decision->endpoint = script_to_endpoint(L, decision->is_raw ? 2 : 1);
  if (decision->is_raw && decision->endpoint) return 0;
  if (decision->endpoint) {
    read_endpoint(L, decision);
  } else if (lua_type(L, 1) == LUA_TNUMBER) {
    read_answer(L, decision);
  } else {
    return luaL_error(L,
                      "a request's function returned a %s: an endpoint or a "
                      "status is expected",
                      luaL_typename(L, 1));
  }
  return 0;
}

static void carry_out(struct script *script, struct connection *conn,
                      const struct decision *decision) {
  struct slice headers = {(const char *)decision->headers.bytes,
                          decision->headers.length};
  script->opening = conn;
  script->opening_request = decision->opening;
  if (decision->source) {
    connection_begin_answer(conn, decision->status, headers, decision->length,
                            decision->source);
  } else if (!decision->endpoint) {
    connection_answer(conn, decision->status, headers, decision->text);
  } else if (decision->is_raw) {
    connection_hand_over(conn, &decision->endpoint->base);
  } else {
    connection_upgrade(conn, &decision->endpoint->base, decision->text,
                       headers);
  }
  script->opening = NULL;
}

void request_decided(struct script *script, lua_State *co, int first,
                     struct connection *conn, int request) {
  struct decision decision = {.script = script,
                              .co = co,
                              .first = first,
                              .request = request,
                              .opening = LUA_NOREF,
                              .length = ANSWER_LENGTH_UNKNOWN};
  if (script_protect(script, read_decision, &decision, "request")) {
    carry_out(script, conn, &decision);
  } else {
    request_failed(conn);
    if (decision.source) decision.source->drop(decision.source);
  }
  if (!conn->told_open) script_release(script, decision.opening);
  buffer_free(&decision.headers);
}

void request_failed(struct connection *conn) {
  connection_answer(conn, 500,
                    SLICE("Content-Type: text/plain; charset=utf-8\r\n"),
                    SLICE("internal error"));
}

/* The metatable of the request tables that C makes from here on. */
static int request_set_metatable(lua_State *L) {
  struct script *script = script_of(L);
  script_hold_table(script, L, &script->request_metatable);
  return 0;
}

const luaL_Reg request_functions[] = {
    {"requestMetatable", request_set_metatable},
    {NULL, NULL},
};
