/*
 * strand - the events of one connection, one at a time and in order.
 *
 * Each event runs user code in a coroutine of a pool. A handler that returns
 * without waiting (nearly all do) costs nothing more: no strand is made. Only
 * when one waits, its connection gets a strand: the coroutine that is suspended
 * and the queue of what happens meanwhile. When the queue is long the peer is
 * not read, so that it feels the slowness of the handler and nobody else does.
 *
 *   deliver --no strand--> run --returns--> coroutine back to the pool
 *       |                   '----waits----> strand -- wake --> ready --> run on
 *       '--strand--> queue ------------------'
 */
#include "base/log.h"
#include "base/mem.h"
#include "internal.h"

/* A Lua value that stands for one wait: who has it can end the wait. Emptied
 * when that has happened. */
struct ticket {
  struct strand *strand;
};

enum {
  QUEUE_EVENTS = 64,
  QUEUE_BYTES = 256 * 1024,
};

/* Made by the first wait of a handler, freed when nothing waits and nothing is
 * queued. Holds its connection; owns the queued events. */
struct strand {
  struct list in_ready, in_script;
  struct script *script;
  struct event current; /* its handler waits; the data is gone by then */
  struct coroutine co;
  int arguments; /* for its next resume */
  bool is_waiting;
  struct ticket *ticket; /* whose holder ends the wait; NULL: nobody can */
  struct list queue;
  size_t count, bytes;
};

struct queued_event {
  struct list link;
  struct event event;
  char data[];
};

static const char *const handler_names[EVENT_KINDS] = {
    [EVENT_OPEN] = "onOpen",   [EVENT_MESSAGE] = "onMessage",
    [EVENT_PING] = "onPing",   [EVENT_PONG] = "onPong",
    [EVENT_DRAIN] = "onDrain", [EVENT_CLOSE] = "onClose",
    [EVENT_ERROR] = "onError", [EVENT_REQUEST] = "request",
};

/* ---- setting an event up */

/* What prepare is called with. */
struct run {
  struct script *script;
  struct event *event;
  struct coroutine co;
  int arguments; /* -1: there is no handler for it */
};

/* The upvalues of prepare. */
enum { UP_HELD = 1, UP_NAMES = 2 };

static int push_arguments(lua_State *L, struct script *script,
                          const struct event *event) {
  switch (event->kind) {
  case EVENT_OPEN:
    lua_rawgeti(L, lua_upvalueindex(UP_HELD), event->value);
    return 1;
  case EVENT_MESSAGE:
    lua_pushlstring(L, event->data.at, event->data.length);
    lua_pushboolean(L, event->is_binary);
    return 2;
  case EVENT_PING:
  case EVENT_PONG:
    lua_pushlstring(L, event->data.at, event->data.length);
    return 1;
  case EVENT_CLOSE:
    lua_pushinteger(L, event->code);
    lua_pushlstring(L, event->data.at, event->data.length);
    return 2;
  case EVENT_ERROR:
    lua_rawgeti(L, lua_upvalueindex(UP_HELD), event->value);
    return 1;
  default: (void)script; return 0;
  }
}

/* The component may be a table or a userdata, with a metatable or without: its
 * handler is looked up when it is needed, so that new code takes effect. */
static bool push_handler(lua_State *L, const struct event *event) {
  struct script_endpoint *endpoint =
      (struct script_endpoint *)event->conn->endpoint;
  lua_rawgeti(L, lua_upvalueindex(UP_HELD), endpoint->component);
  lua_pushvalue(L, lua_upvalueindex(UP_NAMES + (int)event->kind));
  lua_gettable(L, -2);
  if (lua_isnil(L, -1) || event->conn->app_view == 0) return false;
  lua_insert(L, -2);
  lua_rawgeti(L, lua_upvalueindex(UP_HELD), event->conn->app_view);
  return true;
}

static void take_coroutine(lua_State *L, struct run *run) {
  struct script *script = run->script;
  if (script->idle_count > 0) {
    run->co = script->idle[--script->idle_count];
    return;
  }
  run->co.L = lua_newthread(L);
  run->co.held = luaL_ref(L, lua_upvalueindex(UP_HELD));
}

static int prepare(lua_State *L) {
  struct run *run = lua_touserdata(L, 1);
  struct event *event = run->event;
  run->arguments = -1;
  if (event->kind == EVENT_OPEN) {
    connection_object_push_new(run->script, L, event->conn);
    event->conn->app_view = luaL_ref(L, lua_upvalueindex(UP_HELD));
  }
  lua_settop(L, 0);
  if (event->kind == EVENT_REQUEST) {
    lua_rawgeti(L, lua_upvalueindex(UP_HELD), event->function);
    lua_rawgeti(L, lua_upvalueindex(UP_HELD), event->value);
  } else if (!push_handler(L, event)) {
    return 0;
  } else {
    push_arguments(L, run->script, event);
  }
  take_coroutine(L, run);
  run->arguments = lua_gettop(L) - 1;
  lua_xmove(L, run->co.L, run->arguments + 1);
  return 0;
}

void strand_set_up(struct script *script, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  /* luaL_unref must not need memory later: its free list exists from here. */
  lua_pushboolean(L, 1);
  int reference = luaL_ref(L, -2);
  luaL_unref(L, -1, reference);
  for (int kind = 0; kind < EVENT_KINDS; kind++) {
    lua_pushstring(L, handler_names[kind]);
  }
  lua_pushcclosure(L, prepare, 1 + EVENT_KINDS);
  script->prepare = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- coroutines */

static void give_coroutine(struct script *script, struct coroutine co) {
  lua_settop(co.L, 0);
  if (script->idle_count < COROUTINES_KEPT) {
    script->idle[script->idle_count++] = co;
  } else {
    script_release(script, co.held);
  }
}

/* ---- what became of a run */

struct failure {
  struct script *script;
  struct event *event;
  lua_State *co;
  int value; /* held: for onError */
};

/* The log has every error; onError gets a string with its traceback, or the
 * value that was raised. */
static int note_failure(lua_State *L) {
  struct failure *failure = lua_touserdata(L, 1);
  script_push_traceback(L, failure->co);
  script_log_error(L, handler_names[failure->event->kind]);
  failure->value = script_hold(failure->script, L);
  return 0;
}

static bool has_handler(struct script *script, struct event *event);

static void handle_failure(struct script *script, struct event *event,
                           lua_State *co) {
  struct failure failure = {script, event, co, LUA_NOREF};
  struct connection *conn = event->conn;
  script_protect(script, note_failure, &failure, "error");
  if (event->kind == EVENT_REQUEST) {
    script_release(script, failure.value);
    request_failed(conn);
    return;
  }
  struct event error = {
      .kind = EVENT_ERROR, .conn = conn, .value = failure.value};
  if (event->kind != EVENT_ERROR && has_handler(script, &error)) {
    strand_deliver(script, &error);
    return;
  }
  script_release(script, failure.value);
  connection_close(conn, CLOSE_INTERNAL_ERROR, SLICE("internal error"));
}

struct question {
  struct event *event;
  bool answer;
};

static int look_for_handler(lua_State *L) {
  struct question *question = lua_touserdata(L, 1);
  struct script *script = script_of(L);
  struct script_endpoint *endpoint =
      (struct script_endpoint *)question->event->conn->endpoint;
  script_push_held(script, L, endpoint->component);
  lua_getfield(L, -1, handler_names[question->event->kind]);
  question->answer = !lua_isnil(L, -1);
  return 0;
}

static bool has_handler(struct script *script, struct event *event) {
  struct question question = {event, false};
  script_protect(script, look_for_handler, &question, "component");
  return question.answer;
}

struct keep {
  struct script *script;
  struct event *event;
};

static int keep_request(lua_State *L) {
  struct keep *keep = lua_touserdata(L, 1);
  script_push_held(keep->script, L, keep->event->value);
  connection_object_keep_request(keep->script, L, keep->event->conn);
  return 0;
}

static void end_opening(struct script *script, struct event *event) {
  struct keep keep = {script, event};
  if (event->value == LUA_NOREF) return;
  script->opening = NULL;
  script_protect(script, keep_request, &keep, "request");
}

/* The event has been handled, well or not. */
static void end_event(struct script *script, struct event *event) {
  if (event->kind == EVENT_OPEN) end_opening(script, event);
  if (event->kind == EVENT_CLOSE) {
    connection_object_empty(script, event->conn);
  }
  script_release(script, event->value);
}

static void start_waiting(struct script *script, struct event *event,
                          struct coroutine co);

/* A handler that yields by itself would never be woken. */
static void refuse_yield(struct script *script, struct event *event,
                         lua_State *co) {
  lua_settop(co, 0);
  lua_pushliteral(co, "a handler yielded: only ratchet's own functions wait");
  handle_failure(script, event, co);
}

/* Takes the event over: it is ended here or kept by a strand. */
static void finish(struct script *script, struct event *event,
                   struct coroutine co, int status) {
  if (status == LUA_YIELD && script->wait_ticket) {
    start_waiting(script, event, co);
    return;
  }
  if (status == 0) {
    if (event->kind == EVENT_REQUEST) {
      request_decided(script, co.L, event->conn, event->value);
    }
    give_coroutine(script, co);
  } else {
    if (status == LUA_YIELD)
      refuse_yield(script, event, co.L);
    else
      handle_failure(script, event, co.L);
    script_release(script, co.held);
  }
  end_event(script, event);
}

static void run_event(struct script *script, struct event *event) {
  struct run run = {.script = script, .event = event, .arguments = -1};
  bool is_ready = script_protect_prepared(script, script->prepare, &run,
                                          handler_names[event->kind]);
  if (is_ready && run.arguments >= 0) {
    int status = script_resume(script, run.co.L, run.arguments);
    finish(script, event, run.co, status);
    return;
  }
  if (!is_ready) {
    /* No memory, or the component's __index raised. */
    connection_close(event->conn, CLOSE_INTERNAL_ERROR,
                     SLICE("internal error"));
  }
  end_event(script, event);
}

/* ---- waiting */

static bool is_full(const struct strand *strand) {
  return strand->count > QUEUE_EVENTS || strand->bytes > QUEUE_BYTES;
}

static bool is_half_empty(const struct strand *strand) {
  return strand->count <= QUEUE_EVENTS / 2 && strand->bytes <= QUEUE_BYTES / 2;
}

static void queue_event(struct strand *strand, const struct event *event) {
  size_t size = sizeof(struct queued_event) + event->data.length;
  struct queued_event *queued = mem_alloc(size);
  if (!queued) {
    connection_terminate(event->conn);
    return;
  }
  queued->event = *event;
  if (event->data.length > 0) {
    memcpy(queued->data, event->data.at, event->data.length);
  }
  queued->event.data.at = queued->data;
  list_init(&queued->link);
  list_append(&strand->queue, &queued->link);
  strand->count++;
  strand->bytes += event->data.length;
  if (is_full(strand)) connection_pause(event->conn, PAUSE_BUSY);
}

static struct queued_event *next_queued(struct strand *strand) {
  struct list *link = list_take_first(&strand->queue);
  if (!link) return NULL;
  struct queued_event *queued = LIST_OWNER(link, struct queued_event, link);
  strand->count--;
  strand->bytes -= queued->event.data.length;
  return queued;
}

static void start_waiting(struct script *script, struct event *event,
                          struct coroutine co) {
  struct connection *conn = event->conn;
  struct strand *strand = conn->app;
  if (!strand) {
    strand = mem_alloc_zeroed(1, sizeof *strand);
    if (!strand) {
      script_release(script, co.held);
      end_event(script, event);
      connection_terminate(conn);
      return;
    }
    list_init(&strand->queue);
    list_init(&strand->in_ready);
    list_init(&strand->in_script);
    list_append(&script->strands, &strand->in_script);
    strand->script = script;
    conn->app = strand;
    connection_hold(conn);
  }
  strand->current = *event;
  strand->current.data = SLICE("");
  strand->co = co;
  strand->is_waiting = true;
  strand->ticket = script->wait_ticket;
  strand->ticket->strand = strand;
}

static void free_strand(struct strand *strand) {
  struct connection *conn = strand->current.conn;
  list_remove(&strand->in_script);
  list_remove(&strand->in_ready);
  conn->app = NULL;
  mem_free(strand);
  connection_drop(conn);
}

/* Runs what queued up, until something waits again or nothing is left. */
static void run_queue(struct strand *strand, struct connection *conn) {
  struct queued_event *queued;
  while (!strand->is_waiting && (queued = next_queued(strand))) {
    run_event(strand->script, &queued->event);
    mem_free(queued);
    if (is_half_empty(strand)) connection_resume(conn, PAUSE_BUSY);
  }
  if (!strand->is_waiting) free_strand(strand);
}

static void run_on(struct strand *strand) {
  struct connection *conn = strand->current.conn;
  struct event event = strand->current;
  strand->is_waiting = false;
  int status = script_resume(strand->script, strand->co.L, strand->arguments);
  finish(strand->script, &event, strand->co, status);
  run_queue(strand, conn);
}

void strand_run_ready(struct script *script) {
  struct list *link;
  while ((link = list_take_first(&script->ready))) {
    run_on(LIST_OWNER(link, struct strand, in_ready));
  }
}

/* The handler is never resumed. */
static void drop_strand(struct strand *strand) {
  struct queued_event *queued;
  if (strand->ticket) strand->ticket->strand = NULL;
  script_release(strand->script, strand->co.held);
  end_event(strand->script, &strand->current);
  while ((queued = next_queued(strand))) {
    end_event(strand->script, &queued->event);
    mem_free(queued);
  }
  free_strand(strand);
}

void strand_drop_all(struct script *script) {
  while (!list_is_empty(&script->strands)) {
    struct list *link = script->strands.next;
    drop_strand(LIST_OWNER(link, struct strand, in_script));
  }
}

void strand_deliver(struct script *script, struct event *event) {
  struct strand *strand = event->conn->app;
  if (strand && (strand->is_waiting || strand->count > 0) &&
      event->kind != EVENT_ERROR) {
    queue_event(strand, event);
    return;
  }
  run_event(script, event);
}

/* ---- core.ticket, core.wait, core.wake */

static const char ticket_name[] = "ratchet.Ticket";

static int ticket_gc(lua_State *L) {
  struct ticket *ticket = lua_touserdata(L, 1);
  if (ticket->strand) ticket->strand->ticket = NULL;
  return 0;
}

int strand_ticket(lua_State *L) {
  struct ticket *ticket = lua_newuserdata(L, sizeof *ticket);
  ticket->strand = NULL;
  if (luaL_newmetatable(L, ticket_name)) {
    lua_pushcfunction(L, ticket_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return 1;
}

/* wait(ticket) returns what wake was given. */
int strand_wait(lua_State *L) {
  struct script *script = script_of(L);
  struct ticket *ticket = luaL_checkudata(L, 1, ticket_name);
  if (ticket->strand) return luaL_error(L, "this ticket is in use");
  if (script->running != L) {
    return luaL_error(L, "only a handler can wait, and not from inside a "
                         "coroutine of its own");
  }
  script->wait_ticket = ticket;
  return lua_yield(L, 0);
}

/* wake(ticket, ...): the handler goes on at the end of this turn. False when
 * nothing waits for it (any more). */
int strand_wake(lua_State *L) {
  struct script *script = script_of(L);
  struct ticket *ticket = luaL_checkudata(L, 1, ticket_name);
  struct strand *strand = ticket->strand;
  if (!strand) {
    lua_pushboolean(L, 0);
    return 1;
  }
  ticket->strand = NULL;
  strand->ticket = NULL;
  strand->arguments = lua_gettop(L) - 1;
  luaL_checkstack(strand->co.L, strand->arguments, "too many values");
  lua_xmove(L, strand->co.L, strand->arguments);
  list_append(&script->ready, &strand->in_ready);
  lua_pushboolean(L, 1);
  return 1;
}
