/*
 * event - one event of a connection as one run of user code, and what becomes
 * of it: it returned, it failed, or it waits (strand.c).
 */
#include "event.h"

#include "base/log.h"
#include "call.h"
#include "connection_object.h"
#include "coroutine.h"
#include "receive.h"
#include "request.h"
#include "run.h"
#include "server/connection.h"
#include "source.h"
#include "state.h"
#include "strand.h"
#include "timer.h"

#include <lua.h>

static const char *const names[EVENT_KINDS] = {
    [EVENT_OPEN] = "onOpen",   [EVENT_MESSAGE] = "onMessage",
    [EVENT_PING] = "onPing",   [EVENT_PONG] = "onPong",
    [EVENT_DRAIN] = "onDrain", [EVENT_CLOSE] = "onClose",
    [EVENT_ERROR] = "onError", [EVENT_REQUEST] = "request",
    [EVENT_PIECE] = "body",    [EVENT_TIMER] = "timer",
};

const char *event_name(enum event_kind kind) {
  return names[kind];
}

struct failure {
  struct script *script;
  struct event *event;
  lua_State *co;
  int status; /* LUA_YIELD: by itself, and nobody would ever wake it */
  int value;  /* held: for onError */
};

/* The log has every error; onError gets a string with its traceback, or the
 * value that was raised. */
static int note_failure(lua_State *L) {
  struct failure *failure = lua_touserdata(L, 1);
  if (failure->status == LUA_YIELD) {
    lua_pushliteral(L, "a handler yielded: only ratchet's own functions wait");
  } else {
    script_push_traceback(L, failure->co);
  }
  script_log_error(L, event_name(failure->event->kind));
  failure->value = script_hold(failure->script, L);
  return 0;
}

static void give_up(struct connection *conn) {
  connection_close(conn, CLOSE_INTERNAL_ERROR, SLICE("internal error"));
}

/* Is there no component yet? Then the connection ends here, as well as it can.
 */
static bool fail_without_component(struct event *event) {
  if (event->kind == EVENT_REQUEST)
    request_failed(event->conn);
  else if (event->kind == EVENT_PIECE)
    connection_fail_answer(event->conn);
  else
    return false;
  return true;
}

/* It is onError that has failed; or there was no memory for what the event
 * brings, and the connection cannot go on without that. */
static bool is_final(const struct failure *failure) {
  return failure->event->kind == EVENT_ERROR ||
         (failure->status == LUA_ERRMEM && failure->event->has_data);
}

static void handle_failure(struct script *script, struct event *event,
                           lua_State *co, int status) {
  struct failure failure = {script, event, co, status, LUA_NOREF};
  struct connection *conn = event->conn;
  script_protect(script, note_failure, &failure, "error");
  if (fail_without_component(event) || event->kind == EVENT_TIMER) {
    script_release(script, failure.value);
  } else if (is_final(&failure)) {
    script_release(script, failure.value);
    give_up(conn);
  } else {
    struct event error = {
        .kind = EVENT_ERROR, .conn = conn, .value = failure.value};
    strand_deliver(script, &error);
  }
}

struct keep {
  struct script *script;
  struct event *event;
  bool always;
};

static int work_keep_request(lua_State *L) {
  struct keep *keep = lua_touserdata(L, 1);
  script_push_held(keep->script, L, keep->event->value);
  connection_object_keep_request(keep->script, L, keep->event->conn,
                                 keep->always);
  return 0;
}

/* A request that the app has written to is conn.httpRequest from then on; so is
 * one that its onOpen still has while it waits. Others are made anew from the
 * bytes of the head when somebody asks. */
static void keep_request(struct script *script, struct event *event,
                         bool always) {
  struct keep keep = {script, event, always};
  if (event->kind != EVENT_OPEN || event->value == LUA_NOREF) return;
  script_protect(script, work_keep_request, &keep, "request");
}

/* The event has been handled, well or not. */
void event_end(struct script *script, struct event *event) {
  keep_request(script, event, false);
  if (event->kind == EVENT_CLOSE) {
    strand_closed(event->conn);
    connection_object_empty(script, event->conn);
  }
  if (event->timer) timer_done(event->timer);
  script_release(script, event->value);
}

static void take_results(struct script *script, struct event *event,
                         lua_State *co) {
  if (event->kind == EVENT_REQUEST) {
    lua_settop(co, COROUTINE_SLOTS + 4);
    request_decided(script, co, COROUTINE_SLOTS + 1, event->conn, event->value);
  } else if (event->kind == EVENT_PIECE) {
    source_returned(co, COROUTINE_SLOTS + 1, event->conn);
  } else if (event->kind == EVENT_ERROR && !lua_toboolean(co, -1)) {
    give_up(event->conn); /* there is no onError */
  }
}

void event_finish(struct script *script, struct event *event,
                  struct coroutine co, int status) {
  if (status == LUA_YIELD && strand_is_waiting(event->conn)) {
    strand_wait(event, co); /* first: what follows may end the wait already */
    keep_request(script, event, true);
    return;
  }
  if (status == 0) {
    take_results(script, event, co.L);
    coroutine_give(script, co);
  } else {
    handle_failure(script, event, co.L, status);
    script_release(script, co.held);
  }
  if (event->kind == EVENT_OPEN) receive_run_ended(event, status == 0);
  event_end(script, event);
}

/* No memory for it. The connection cannot go on without an event. */
static void skip_event(struct script *script, struct event *event) {
  if (!fail_without_component(event)) give_up(event->conn);
  event_end(script, event);
}

/* Without memory for its onOpen, a connection has no object: nothing else is
 * told of it. */
static bool is_unknown(const struct event *event) {
  bool needs_one = event->kind != EVENT_OPEN && event->kind != EVENT_REQUEST &&
                   event->kind != EVENT_PIECE;
  return needs_one && event->conn->app_view == 0;
}

void event_run(struct script *script, struct event *event) {
  struct coroutine co;
  if (is_unknown(event)) {
    event_end(script, event);
    return;
  }
  bool is_ready =
      event->kind != EVENT_OPEN || connection_object_make(script, event->conn);
  if (!is_ready || !coroutine_take(script, &co)) {
    skip_event(script, event);
    return;
  }
  keep_request(script, event, false);
  int arguments = coroutine_push_event(script, co.L, event);
  struct run run = {.co = co.L,
                    .what = event_name(event->kind),
                    .conn = event->conn,
                    .event = event,
                    .version = strand_version(script, event->conn)};
  uint32_t before = log_set_version(run.version);
  event_finish(script, event, co, script_resume(script, &run, arguments));
  log_set_version(before);
}
