/*
 * source - the Lua functions that the body of an answer comes from: one that
 * returns the next piece each time it is called, and maybe one that is told
 * when no more is wanted.
 */
#include "source.h"

#include "base/log.h"
#include "base/mem.h"
#include "call.h"
#include "event.h"
#include "server/connection.h"
#include "state.h"
#include "strand.h"

#include <lauxlib.h>
#include <lua.h>

/* Owned by whom it is given to: the decision on a request, then the connection.
 */
struct script_source {
  struct answer_source base;
  struct script *script;
  int next, over; /* held */
};

/* No other event of the connection can wait meanwhile, so this one is never
 * queued, and `next` is held until it runs. */
static void ask_next(struct answer_source *base, struct connection *conn) {
  struct script_source *source = (struct script_source *)base;
  struct event event = {.kind = EVENT_PIECE,
                        .conn = conn,
                        .value = LUA_NOREF,
                        .function = source->next};
  strand_deliver(source->script, &event);
}

static int call_over(lua_State *L) {
  struct script_source *source = lua_touserdata(L, 1);
  script_push_held(source->script, L, source->over);
  script_call_logged(L, "the end of a body");
  return 0;
}

static void drop(struct answer_source *base) {
  struct script_source *source = (struct script_source *)base;
  struct script *script = source->script;
  if (source->over != LUA_NOREF) {
    script_protect(script, call_over, source, "the end of a body");
  }
  script_release(script, source->next);
  script_release(script, source->over);
  mem_free(source);
}

static int hold_function(struct script *script, lua_State *L, int index) {
  lua_pushvalue(L, index);
  return script_hold(script, L);
}

void source_new(struct script *script, lua_State *L, int next, int over,
                struct answer_source **made) {
  struct script_source *source = mem_alloc(sizeof *source);
  if (!source) {
    luaL_error(L, "out of memory");
    return;
  }
  *source = (struct script_source){.base = {.next = ask_next, .drop = drop},
                                   .script = script,
                                   .next = LUA_NOREF,
                                   .over = LUA_NOREF};
  *made = &source->base;
  if (!lua_isnoneornil(L, over)) {
    luaL_argcheck(L, lua_isfunction(L, over), over, "a function is expected");
    source->over = hold_function(script, L, over);
  }
  source->next = hold_function(script, L, next);
}

/* What belongs to the log of a handler: the path, without the query. */
static void complain(struct connection *conn, const char *what) {
  struct http_head head;
  struct slice path = SLICE("");
  if (connection_head(conn, &head)) path = head.target;
  const char *query = path.length ? memchr(path.at, '?', path.length) : NULL;
  if (query) path.length = (size_t)(query - path.at);
  log_printf(LOG_ERROR, "body of %.*s: %s; the connection is dropped",
             (int)path.length, path.at, what);
}

void source_returned(lua_State *co, int index, struct connection *conn) {
  struct slice piece;
  if (lua_isnil(co, index)) {
    if (!connection_end_answer(conn)) {
      complain(conn, "it ends before its Content-Length");
    }
  } else if (lua_type(co, index) == LUA_TSTRING) {
    piece.at = lua_tolstring(co, index, &piece.length);
    if (!connection_add_piece(conn, piece)) {
      complain(conn, "it goes over its Content-Length");
    }
  } else {
    complain(conn, "its function returned what is neither a string nor nil");
    connection_fail_answer(conn);
  }
}
