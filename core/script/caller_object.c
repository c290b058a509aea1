/*
 * caller_object - a connection to an HTTP server as Lua sees it: dialled, then
 * asked, one request at a time. Both wait by a ticket. What is kept for whom,
 * and what a request looks like, is Lua's business (lua/ratchet/fetch.lua).
 */
#include "caller_object.h"

#include "answer.h"
#include "base/list.h"
#include "base/mem.h"
#include "call.h"
#include "class.h"
#include "net/dial.h"
#include "proto/http_answer.h"
#include "secure.h"
#include "server/caller.h"
#include "state.h"
#include "ticket.h"

#include <lauxlib.h>
#include <limits.h>
#include <lua.h>

enum {
  MAX_HEADER_SIZE = 16 * 1024, /* of an answer */
  MOST_SECONDS = 86400,
  MOST_BYTES = 1 << 30,
};

static const char object_name[] = "ratchet.Caller";

/* What Lua's userdata points to, which owns it: freed when that is collected,
 * or behind `tell` when that happens in there. While it has a dial or a caller,
 * which it owns, it is in the script's list; those are ended with it, so who
 * waits for them keeps the userdata on the stack. */
struct caller_object {
  struct list link;
  struct script *script;
  struct dial *dial;     /* under way */
  struct caller *caller; /* connected */
  int ticket;            /* held: of who waits, or LUA_NOREF */
  bool is_telling, is_collected;
};

static void forget_ticket(struct caller_object *object) {
  script_release(object->script, object->ticket);
  object->ticket = LUA_NOREF;
}

static void close_object(struct caller_object *object) {
  if (object->dial) dial_cancel(object->dial);
  if (object->caller) caller_close(object->caller);
  object->dial = NULL;
  object->caller = NULL;
  list_remove(&object->link);
  forget_ticket(object);
}

/* ---- what its owner in Lua is told */

/* What wait returns there: an answer; or nil, message, code, is_untouched; or
 * the object itself. */
struct outcome {
  struct caller_object *object;
  const struct http_answer *answer;
  struct slice body;
  const char *message, *code; /* a failure */
  bool is_untouched;
  bool is_heard; /* somebody waited for it */
};

static int push_outcome(lua_State *L, const struct outcome *outcome) {
  if (outcome->answer) {
    answer_push(outcome->object->script, L, outcome->answer, outcome->body);
    return 1;
  }
  if (!outcome->message) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, outcome->message);
  lua_pushstring(L, outcome->code);
  lua_pushboolean(L, outcome->is_untouched);
  return 4;
}

static int wake(lua_State *L) {
  struct outcome *outcome = lua_touserdata(L, 1);
  script_push_held(outcome->object->script, L, outcome->object->ticket);
  lua_pushcfunction(L, ticket_wake);
  lua_insert(L, -2);
  lua_call(L, 1 + push_outcome(L, outcome), 1);
  outcome->is_heard = lua_toboolean(L, -1);
  return 0;
}

/* Without memory to tell it, or anybody to tell it to, all is dropped; who
 * waits is then told that nobody can end the wait (ticket.c). */
static void tell(struct outcome *outcome) {
  struct caller_object *object = outcome->object;
  object->is_telling = true;
  script_protect(object->script, wake, outcome, "fetch");
  object->is_telling = false;
  forget_ticket(object);
  if (!outcome->is_heard) close_object(object);
  if (object->is_collected) mem_free(object);
}

static void forget_caller(struct caller_object *object) {
  object->caller = NULL;
  list_remove(&object->link);
}

static void on_answered(void *owner, const struct http_answer *answer,
                        struct slice body, bool is_kept) {
  struct outcome outcome = {.object = owner, .answer = answer, .body = body};
  if (!is_kept) forget_caller(owner);
  tell(&outcome);
}

static const char *code_of(enum caller_error error) {
  switch (error) {
  case CALLER_LOST: return "ECONNRESET";
  case CALLER_LATE: return "ETIMEDOUT";
  case CALLER_MALFORMED: return "EPROTO";
  case CALLER_TOO_LARGE: return "EMSGSIZE";
  case CALLER_NO_MEMORY: break;
  }
  return "ENOMEM";
}

static void on_failed(void *owner, const struct caller_failure *failure) {
  struct outcome outcome = {.object = owner,
                            .message = failure->reason,
                            .code = code_of(failure->error),
                            .is_untouched = failure->is_untouched};
  forget_caller(owner);
  tell(&outcome);
}

static void on_ended(void *owner) {
  forget_caller(owner);
}

static const struct caller_events caller_events = {
    .answered = on_answered,
    .failed = on_failed,
    .ended = on_ended,
};

static void on_dialled(void *owner, struct transport *transport, int error,
                       const char *reason) {
  struct caller_object *object = owner;
  struct outcome outcome = {.object = object};
  object->dial = NULL;
  if (transport) {
    object->caller =
        caller_new(object->script->server, transport, &caller_events, object);
    error = object->caller ? 0 : UV_ENOMEM;
    reason = "out of memory";
  }
  if (error) {
    list_remove(&object->link);
    outcome.message = reason;
    outcome.code = uv_err_name(error);
  }
  tell(&outcome);
}

/* ---- core.caller */

static uint32_t to_milliseconds(lua_State *L, double seconds) {
  if (!(seconds > 0 && seconds <= MOST_SECONDS)) {
    luaL_error(L, "a time must be more than 0 seconds, and a day at most");
  }
  return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static size_t to_bytes(lua_State *L, double bytes) {
  if (!(bytes >= 0 && bytes <= MOST_BYTES)) {
    luaL_error(L, "a size must be from 0 bytes to 1 GiB");
  }
  return (size_t)bytes;
}

static struct caller_object *new_object(lua_State *L) {
  struct caller_object **handle = lua_newuserdata(L, sizeof(void *));
  *handle = NULL;
  luaL_getmetatable(L, object_name);
  lua_setmetatable(L, -2);
  struct caller_object *object = mem_alloc_zeroed(1, sizeof *object);
  if (!object) {
    luaL_error(L, "out of memory");
    return NULL;
  }
  *handle = object;
  object->script = script_of(L);
  object->ticket = LUA_NOREF;
  list_init(&object->link);
  return object;
}

/* It stays alive in the table at index 1; a number would be made one that
 * nobody keeps. */
static const char *read_text(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "%s must be a string", name);
  }
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}

static struct dial_target read_target(lua_State *L) {
  struct dial_target target = {.path = read_text(L, "path"),
                               .host = read_text(L, "host")};
  lua_getfield(L, 1, "port");
  target.port = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  secure_read_target(L, 1, &target);
  if (!target.path && !target.host) luaL_error(L, "host or path is missing");
  return target;
}

/* caller(target, ticket, timeout): begins to dial, and wakes the ticket. */
int caller_object_new(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  ticket_check(L, 2);
  uint32_t timeout = to_milliseconds(L, luaL_checknumber(L, 3));
  struct dial_target target = read_target(L);
  struct caller_object *object = new_object(L);
  lua_pushvalue(L, 2);
  object->ticket = script_hold(script, L);
  object->dial = dial_start(script->loop, &target, timeout, on_dialled, object);
  if (!object->dial) return luaL_error(L, "out of memory");
  list_append(&script->callers, &object->link);
  return 1;
}

/* ---- its methods */

static struct caller_object *check_object(lua_State *L) {
  return *(struct caller_object **)luaL_checkudata(L, 1, object_name);
}

/* caller:ask(ticket, request, timeout, maxBodySize, isHead) */
static int object_ask(lua_State *L) {
  struct caller_object *object = check_object(L);
  struct slice request;
  ticket_check(L, 2);
  request.at = luaL_checklstring(L, 3, &request.length);
  struct caller_limits limits = {
      .max_header_size = MAX_HEADER_SIZE,
      .timeout = to_milliseconds(L, luaL_checknumber(L, 4)),
      .max_body_size = to_bytes(L, luaL_checknumber(L, 5)),
  };
  if (object->ticket != LUA_NOREF) return luaL_error(L, "it is being asked");
  int error = UV_ECONNRESET;
  if (object->caller) {
    lua_pushvalue(L, 2);
    object->ticket = script_hold(object->script, L);
    error = caller_ask(object->caller, request, lua_toboolean(L, 6), &limits);
  }
  if (error) {
    forget_caller(object);
    forget_ticket(object);
    lua_pushnil(L);
    lua_pushliteral(L, "the connection was lost before the request went out");
    lua_pushstring(L, uv_err_name(error));
    return 3;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* caller:rest(seconds) */
static int object_rest(lua_State *L) {
  struct caller_object *object = check_object(L);
  uint32_t time = to_milliseconds(L, luaL_checknumber(L, 2));
  if (object->caller && object->ticket == LUA_NOREF) {
    caller_rest(object->caller, time);
  }
  return 0;
}

static int object_close(lua_State *L) {
  close_object(check_object(L));
  return 0;
}

static int object_gc(lua_State *L) {
  struct caller_object **handle = lua_touserdata(L, 1);
  struct caller_object *object = *handle;
  if (!object) return 0;
  close_object(object);
  if (object->is_telling)
    object->is_collected = true;
  else
    mem_free(object);
  return 0;
}

static int object_is_open(lua_State *L) {
  lua_pushboolean(L, check_object(L)->caller != NULL);
  return 1;
}

static const luaL_Reg methods[] = {
    {"ask", object_ask},
    {"close", object_close},
    {"isOpen", object_is_open},
    {"rest", object_rest},
    {NULL, NULL},
};

void caller_object_open(lua_State *L) {
  class_open(L, object_name, methods, object_gc);
}

void caller_object_close_all(struct script *script) {
  struct list *link;
  while ((link = list_take_first(&script->callers))) {
    close_object(OWNER_OF(link, struct caller_object, link));
  }
}
