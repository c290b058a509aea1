/*
 * connect - core.connect: a connection that goes out, from the address to the
 * handler that waits for it.
 *
 *   dial --transport--> connection_ask --101--> its component's onOpen
 *     |                      |
 *     '----- reason ---------'--> wake(ticket, nil, reason, answer)
 *
 * The attempt is a Lua value. It lives on the stack of the handler that waits:
 * with that it is collected, and with it ends what was begun.
 */
#include "connect.h"

#include "answer.h"
#include "base/list.h"
#include "call.h"
#include "class.h"
#include "endpoint.h"
#include "net/dial.h"
#include "proto/http_answer.h"
#include "proto/http_response.h"
#include "secure.h"
#include "server/connection.h"
#include "server/opening.h"
#include "server/server.h"
#include "state.h"
#include "ticket.h"

#include <lauxlib.h>
#include <lua.h>

static const char attempt_name[] = "ratchet.Attempt";

/* Owned by Lua. While it is under way it is in the script's list, holds its
 * endpoint and its ticket, and has a dial or a connection. */
struct attempt {
  struct list link;
  struct script *script;
  struct dial *dial;
  struct connection *conn; /* that asks */
  struct endpoint *endpoint;
  int ticket; /* held */
  uint32_t handshake_timeout;
  struct buffer target, host, protocols, headers;
};

static void free_texts(struct attempt *attempt) {
  buffer_free(&attempt->target);
  buffer_free(&attempt->host);
  buffer_free(&attempt->protocols);
  buffer_free(&attempt->headers);
}

/* Nothing is told of it any more. A second time changes nothing. */
static void end_attempt(struct attempt *attempt) {
  struct dial *dial = attempt->dial;
  struct connection *conn = attempt->conn;
  struct endpoint *endpoint = attempt->endpoint;
  attempt->dial = NULL;
  attempt->conn = NULL;
  attempt->endpoint = NULL;
  list_remove(&attempt->link);
  free_texts(attempt);
  if (dial) dial_cancel(dial);
  if (conn) connection_forget_opening(conn);
  if (endpoint) endpoint_drop(endpoint);
  script_release(attempt->script, attempt->ticket);
  attempt->ticket = LUA_NOREF;
}

void connects_end(struct script *script) {
  while (!list_is_empty(&script->attempts)) {
    end_attempt(OWNER_OF(script->attempts.next, struct attempt, link));
  }
}

/* ---- what becomes of it */

/* Why there is no connection. */
struct failure {
  struct script *script;
  int ticket; /* held */
  const char *reason;
  const struct http_answer *answer;
  struct slice body;
};

static int work_tell(lua_State *L) {
  struct failure *failure = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_pushcfunction(L, ticket_wake);
  script_push_held(failure->script, L, failure->ticket);
  lua_pushnil(L);
  lua_pushstring(L, failure->reason);
  if (failure->answer) {
    answer_push(failure->script, L, failure->answer, failure->body);
  }
  lua_call(L, lua_gettop(L) - 1, 0);
  return 0;
}

/* The attempt may be collected as soon as Lua runs: it ends before. */
static void tell(struct attempt *attempt, struct failure failure) {
  failure.script = attempt->script;
  failure.ticket = attempt->ticket;
  attempt->ticket = LUA_NOREF;
  end_attempt(attempt);
  script_protect(failure.script, work_tell, &failure, "connect");
  script_release(failure.script, failure.ticket);
}

static void fail(struct attempt *attempt, const char *reason) {
  tell(attempt, (struct failure){.reason = reason});
}

/* Its component's onOpen is next. */
static void on_opened(void *owner) {
  struct attempt *attempt = owner;
  attempt->conn = NULL;
  end_attempt(attempt);
}

static void on_failed(void *owner, const char *reason,
                      const struct http_answer *answer, struct slice body) {
  struct attempt *attempt = owner;
  attempt->conn = NULL;
  tell(attempt,
       (struct failure){.reason = reason, .answer = answer, .body = body});
}

static const struct opening_events events = {on_opened, on_failed};

static struct slice text_of(const struct buffer *buffer) {
  return (struct slice){(const char *)buffer->bytes, buffer->length};
}

static void on_dialed(void *owner, struct transport *transport, int error,
                      const char *reason) {
  struct attempt *attempt = owner;
  struct opening opening = {.target = text_of(&attempt->target),
                            .host = text_of(&attempt->host),
                            .protocols = text_of(&attempt->protocols),
                            .headers = text_of(&attempt->headers),
                            .endpoint = attempt->endpoint,
                            .timeout = attempt->handshake_timeout,
                            .events = &events,
                            .owner = attempt};
  attempt->dial = NULL;
  if (error) {
    fail(attempt, reason);
    return;
  }
  attempt->conn = connection_ask(attempt->script->server, transport, &opening);
  if (!attempt->conn) fail(attempt, "out of memory");
}

/* ---- core.connect(ticket, { ... }) */

/* Of the options, which are at 2. The string stays alive in them. */
static struct slice text_option(lua_State *L, const char *name) {
  struct slice text = SLICE("");
  lua_getfield(L, 2, name);
  /* of a number, it would be the stack's alone */
  if (!lua_isnil(L, -1)) luaL_checktype(L, -1, LUA_TSTRING);
  if (!lua_isnil(L, -1)) text.at = lua_tolstring(L, -1, &text.length);
  lua_pop(L, 1);
  return text;
}

/* Seconds in Lua, milliseconds in C. */
static uint32_t time_option(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  double seconds = luaL_optnumber(L, -1, 10);
  lua_pop(L, 1);
  if (!(seconds > 0 && seconds <= 86400)) {
    luaL_error(L, "%s must be more than 0 seconds", name);
  }
  return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static void keep_text(lua_State *L, struct buffer *to, const char *name,
                      bool has_spaces) {
  struct slice text = text_option(L, name);
  bool is_safe = http_header_is_safe(SLICE("a"), text) &&
                 (has_spaces || !memchr(text.at, ' ', text.length));
  if (!is_safe) luaL_error(L, "%s has a character that it may not have", name);
  if (!buffer_append(to, text.at, text.length)) luaL_error(L, "out of memory");
}

static struct slice entry_of(lua_State *L, int list, int i) {
  struct slice text = SLICE("");
  lua_rawgeti(L, list, i);
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "a header's name and value must be strings");
  }
  text.at = lua_tolstring(L, -1, &text.length);
  lua_pop(L, 1);
  return text;
}

/* headers: name, value, name, value, ... */
static void keep_headers(lua_State *L, struct buffer *to) {
  lua_getfield(L, 2, "headers");
  int list = lua_gettop(L);
  int count = lua_isnil(L, list) ? 0 : (int)lua_objlen(L, list);
  for (int i = 1; i < count; i += 2) {
    struct slice name = entry_of(L, list, i);
    struct slice value = entry_of(L, list, i + 1);
    if (!http_header_is_safe(name, value)) {
      luaL_error(L, "header \"%s\" has characters that no header may have",
                 name.at);
    }
    if (client_handshake_sets(name)) {
      luaL_error(L, "header \"%s\" is the handshake's own and cannot be set",
                 name.at);
    }
    if (!http_response_header(to, name, value)) luaL_error(L, "out of memory");
  }
  lua_pop(L, 1);
}

static void keep_endpoint(lua_State *L, struct attempt *attempt) {
  lua_getfield(L, 2, "endpoint");
  struct script_endpoint *endpoint = script_to_endpoint(L, -1);
  if (!endpoint) {
    luaL_error(L, "an endpoint is expected");
    return;
  }
  attempt->endpoint = endpoint_hold(&endpoint->base);
  lua_pop(L, 1);
}

static struct dial_target read_target(lua_State *L) {
  struct dial_target target = {.path = text_option(L, "path").at,
                               .host = text_option(L, "host").at};
  if (target.path[0] == '\0') target.path = NULL;
  lua_getfield(L, 2, "port");
  target.port = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  secure_read_target(L, 2, &target);
  return target;
}

/* Is in the script's list from here on: what is raised later ends it. */
static struct attempt *new_attempt(lua_State *L) {
  struct script *script = script_of(L);
  struct attempt *attempt = lua_newuserdata(L, sizeof *attempt);
  *attempt = (struct attempt){.script = script, .ticket = LUA_NOREF};
  list_init(&attempt->link);
  luaL_getmetatable(L, attempt_name);
  lua_setmetatable(L, -2);
  return attempt;
}

static struct attempt *check_attempt(lua_State *L) {
  return luaL_checkudata(L, 1, attempt_name);
}

static int attempt_cancel(lua_State *L) {
  end_attempt(check_attempt(L));
  return 0;
}

static int connect_start(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TUSERDATA);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  if (script->server->draining) {
    lua_pushnil(L);
    lua_pushliteral(L, "the server goes away");
    return 2;
  }
  struct dial_target target = read_target(L);
  uint32_t timeout = time_option(L, "connectTimeout");
  struct attempt *attempt = new_attempt(L);
  attempt->handshake_timeout = time_option(L, "handshakeTimeout");
  keep_text(L, &attempt->target, "target", false);
  keep_text(L, &attempt->host, "authority", false);
  keep_text(L, &attempt->protocols, "protocols", true);
  keep_headers(L, &attempt->headers);
  keep_endpoint(L, attempt);
  lua_pushvalue(L, 1);
  attempt->ticket = script_hold(script, L);
  attempt->dial =
      dial_start(script->loop, &target, timeout, on_dialed, attempt);
  if (!attempt->dial) return luaL_error(L, "out of memory");
  list_append(&script->attempts, &attempt->link);
  return 1;
}

static const luaL_Reg methods[] = {
    {"cancel", attempt_cancel},
    {NULL, NULL},
};

void connect_open(lua_State *L) {
  class_open(L, attempt_name, methods, attempt_cancel);
}

const luaL_Reg connect_functions[] = {
    {"connect", connect_start},
    {NULL, NULL},
};
