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

/* ---- setting an event up
 *
 * Each pooled coroutine keeps at the bottom of its stack what every event
 * needs: the runners of the prelude and the table of what C holds. */

enum {
  SLOT_RUNNER = 1, /* of event kind 0 */
  SLOT_HELD = SLOT_RUNNER + EVENT_KINDS,
  SLOTS = SLOT_HELD,
};

static int new_coroutine(lua_State *L) {
  struct script *script = script_of(L);
  struct coroutine *co = lua_touserdata(L, 1);
  co->L = lua_newthread(L);
  co->held = script_hold(script, L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->runners);
  for (int kind = 0; kind < EVENT_KINDS; kind++) {
    lua_rawgeti(L, 2, kind + 1);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  luaL_checkstack(co->L, SLOTS + 16, "coroutine");
  lua_xmove(L, co->L, SLOTS);
  return 0;
}

static bool take_coroutine(struct script *script, struct coroutine *co) {
  if (script->idle_count > 0) {
    *co = script->idle[--script->idle_count];
    return true;
  }
  return script_protect(script, new_coroutine, co, "coroutine");
}

static void give_coroutine(struct script *script, struct coroutine co) {
  lua_settop(co.L, SLOTS);
  if (script->idle_count < COROUTINES_KEPT) {
    script->idle[script->idle_count++] = co;
  } else {
    script_release(script, co.held);
  }
}

static struct script_endpoint *endpoint_of(const struct event *event) {
  return (struct script_endpoint *)event->conn->endpoint;
}

/* The one thing about an event that needs memory. */
static int push_data(lua_State *L) {
  const struct event *event = lua_touserdata(L, 1);
  lua_pushlstring(L, event->data.at, event->data.length);
  if (event->kind == EVENT_MESSAGE && !event->is_binary) {
    message_note_received(script_of_connection(event->conn), L);
  }
  return 1;
}

/* Pushes the event's data on `co`. False when there is no memory. */
static bool move_data(struct script *script, lua_State *co,
                      struct event *event) {
  if (!script_protect_prepared(script, script->push_data, event, 1,
                               handler_names[event->kind])) {
    return false;
  }
  lua_xmove(script->L, co, 1);
  return true;
}

static void push_held_value(lua_State *co, int held) {
  lua_rawgeti(co, SLOT_HELD, held);
}

/* The runner and its arguments; returns how many, or -1 without memory. */
static int push_event(struct script *script, lua_State *co,
                      struct event *event) {
  lua_pushvalue(co, SLOT_RUNNER + (int)event->kind);
  if (event->kind == EVENT_REQUEST) {
    push_held_value(co, event->function);
    push_held_value(co, event->value);
    return 2;
  }
  push_held_value(co, endpoint_of(event)->component);
  push_held_value(co, event->conn->app_view);
  switch (event->kind) {
  case EVENT_MESSAGE:
    if (!move_data(script, co, event)) return -1;
    lua_pushboolean(co, event->is_binary);
    return 4;
  case EVENT_CLOSE:
    lua_pushinteger(co, event->code);
    return move_data(script, co, event) ? 4 : -1;
  case EVENT_PING:
  case EVENT_PONG: return move_data(script, co, event) ? 3 : -1;
  case EVENT_OPEN:
  case EVENT_ERROR: push_held_value(co, event->value); return 3;
  default: return 2;
  }
}

/* next_message(conn): the next one of those that came together, or nothing. */
static int next_message(lua_State *L) {
  struct connection *conn = connection_object_to(L, 1)->conn;
  struct slice message;
  bool is_binary;
  if (!conn || !connection_take_message(conn, &message, &is_binary)) return 0;
  lua_pushlstring(L, message.at, message.length);
  if (!is_binary) message_note_received(script_of_connection(conn), L);
  lua_pushboolean(L, is_binary);
  return 2;
}

static int load_prelude(lua_State *L) {
  static const unsigned char prelude[] = {
#include "prelude.h"
  };
  if (luaL_loadbufferx(L, (const char *)prelude, sizeof prelude, "=prelude",
                       "t") != 0) {
    return lua_error(L);
  }
  lua_pushcfunction(L, next_message);
  lua_call(L, 1, 3);
  return 3;
}

void strand_set_up(struct script *script, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  /* luaL_unref must not need memory later: its free list exists from here. */
  lua_pushboolean(L, 1);
  int reference = luaL_ref(L, -2);
  luaL_unref(L, -1, reference);
  lua_pop(L, 1);
  lua_pushcfunction(L, push_data);
  script->push_data = luaL_ref(L, LUA_REGISTRYINDEX);
  load_prelude(L);
  script->guard_luv = luaL_ref(L, LUA_REGISTRYINDEX);
  script->index_of = luaL_ref(L, LUA_REGISTRYINDEX);
  script->runners = luaL_ref(L, LUA_REGISTRYINDEX);
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

static void give_up(struct connection *conn) {
  connection_close(conn, CLOSE_INTERNAL_ERROR, SLICE("internal error"));
}

static void handle_failure(struct script *script, struct event *event,
                           lua_State *co) {
  struct failure failure = {script, event, co, LUA_NOREF};
  struct connection *conn = event->conn;
  script_protect(script, note_failure, &failure, "error");
  if (event->kind == EVENT_REQUEST) {
    script_release(script, failure.value);
    request_failed(conn);
  } else if (event->kind == EVENT_ERROR) {
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

static void take_results(struct script *script, struct event *event,
                         lua_State *co) {
  if (event->kind == EVENT_REQUEST) {
    lua_settop(co, SLOTS + 3);
    request_decided(script, co, SLOTS + 1, event->conn, event->value);
  } else if (event->kind == EVENT_ERROR && !lua_toboolean(co, -1)) {
    give_up(event->conn); /* there is no onError */
  }
}

/* Takes the event over: it is ended here or kept by a strand. */
static void finish(struct script *script, struct event *event,
                   struct coroutine co, int status) {
  if (status == LUA_YIELD && script->wait_ticket) {
    start_waiting(script, event, co);
    return;
  }
  if (status == 0) {
    take_results(script, event, co.L);
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
  struct coroutine co;
  if (event->kind == EVENT_OPEN &&
      !connection_object_make(script, event->conn)) {
    give_up(event->conn);
    end_event(script, event);
    return;
  }
  if (!take_coroutine(script, &co)) {
    give_up(event->conn);
    end_event(script, event);
    return;
  }
  int arguments = push_event(script, co.L, event);
  if (arguments < 0) {
    give_up(event->conn);
    give_coroutine(script, co);
    end_event(script, event);
    return;
  }
  finish(script, event, co, script_resume(script, co.L, arguments));
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
