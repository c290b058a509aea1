/*
 * strand - the events of one connection, one at a time and in order.
 *
 * A handler that returns without waiting (nearly all do) needs no strand. Only
 * when one waits, its connection gets a strand: the coroutine that is suspended
 * and the queue of what happens meanwhile. When the queue is long the peer is
 * not read, so that it feels the slowness of the handler and nobody else does.
 *
 *   deliver --no strand--> run --returns--> coroutine back to the pool
 *       |                   '----waits----> strand -- wake --> ready --> run on
 *       '--strand--> queue ------------------'
 *
 * A handler may also take the next message itself (receive.c); then it is the
 * queue that ends its wait. A connection in line mode has nobody else: all that
 * happens is queued until it is received.
 */
#include "strand.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "coroutine.h"
#include "endpoint.h"
#include "event.h"
#include "receive.h"
#include "run.h"
#include "server/connection.h"
#include "state.h"
#include "timer.h"
#include "waiter.h"

#include <lua.h>

/* Made by the first wait of a handler, the first timer, or line mode; freed
 * when none of them is left and nothing is queued. Holds its connection; owns
 * the queued events. */
struct strand {
  struct waiter waiter; /* the handler, while it waits */
  struct list in_script;
  struct event current;    /* the handler's event; its data is gone by then */
  struct waiter *receiver; /* waits for the next event, or NULL */
  struct list timers;
  struct list queue;
  size_t bytes;
  uint32_t count;
  uint8_t line; /* enum line */
  bool is_busy; /* one of its events is being run */
};

/* A handler that waits costs one of these: the pool's next class is twice as
 * large. */
_Static_assert(sizeof(struct strand) <= 256, "a strand has grown");

struct queued_event {
  struct list link;
  struct event event;
  char data[];
};

static struct strand *strand_of(const struct connection *conn) {
  return conn->app;
}

static struct connection *conn_of(const struct strand *strand) {
  return strand->current.conn;
}

/* A connection without a component has only HTTP's one request at a time. */
static const struct limits *limits_of(const struct strand *strand) {
  const struct endpoint *endpoint = conn_of(strand)->endpoint;
  return endpoint ? &endpoint->limits : &limits_default;
}

static bool is_full(const struct strand *strand) {
  const struct limits *most = limits_of(strand);
  return strand->count > most->queue_events ||
         strand->bytes > most->queue_bytes;
}

static bool is_half_empty(const struct strand *strand) {
  const struct limits *most = limits_of(strand);
  return strand->count <= most->queue_events / 2 &&
         strand->bytes <= most->queue_bytes / 2;
}

/* What receive.c takes out of the queue. */
static bool is_received(const struct event *event) {
  return event->kind == EVENT_MESSAGE || event->kind == EVENT_CLOSE;
}

static void wake_receiver(struct strand *strand) {
  if (strand->receiver) waiter_wake(strand->receiver, 0);
}

/* For want of memory. When it is the close, nobody is to wait for another. */
static void lose_event(struct strand *strand, struct event *event) {
  connection_terminate(event->conn);
  event_end(strand->waiter.script, event);
  if (event->kind != EVENT_CLOSE) return;
  strand->line = LINE_NONE;
  wake_receiver(strand);
}

static void queue_event(struct strand *strand, struct event *event) {
  size_t size = sizeof(struct queued_event) + event->data.length;
  struct queued_event *queued = mem_alloc(size);
  if (!queued) {
    lose_event(strand, event);
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
  if (is_received(event)) wake_receiver(strand);
}

static struct queued_event *first_queued(const struct strand *strand) {
  if (list_is_empty(&strand->queue)) return NULL;
  return OWNER_OF(strand->queue.next, struct queued_event, link);
}

static void take_queued(struct strand *strand, struct queued_event *queued) {
  list_remove(&queued->link);
  strand->count--;
  strand->bytes -= queued->event.data.length;
  if (is_half_empty(strand)) connection_resume(conn_of(strand), PAUSE_BUSY);
}

static void go_on(struct waiter *waiter);

/* The connection's, made if there is none. NULL without memory. */
static struct strand *need_strand(struct script *script,
                                  struct connection *conn) {
  struct strand *strand = conn->app;
  if (strand) return strand;
  strand = pool_take(sizeof *strand);
  if (!strand) return NULL;
  *strand = (struct strand){.current.conn = conn, .current.value = LUA_NOREF};
  waiter_init(&strand->waiter, script, go_on);
  list_init(&strand->queue);
  list_init(&strand->timers);
  list_init(&strand->in_script);
  list_append(&script->strands, &strand->in_script);
  conn->app = strand;
  connection_hold(conn);
  return strand;
}

static bool is_in_use(const struct strand *strand) {
  return strand->waiter.is_waiting || strand->line || strand->receiver ||
         !list_is_empty(&strand->timers) || !list_is_empty(&strand->queue);
}

static void free_strand(struct strand *strand) {
  struct connection *conn = conn_of(strand);
  waiter_drop(&strand->waiter);
  list_remove(&strand->in_script);
  conn->app = NULL;
  pool_give(strand, sizeof *strand);
  connection_drop(conn);
}

static void run_queued(struct strand *strand, struct queued_event *queued) {
  take_queued(strand, queued);
  event_run(strand->waiter.script, &queued->event);
  mem_free(queued);
}

/* Whoever has the connection's object may receive what is left of a line, or
 * never will: that must not keep the connection. */
static void end_free_line(struct strand *strand) {
  struct list *last = strand->queue.prev;
  if (strand->line != LINE_FREE || last == &strand->queue) return;
  struct event *close = &OWNER_OF(last, struct queued_event, link)->event;
  if (close->kind != EVENT_CLOSE) return;
  receive_keep_rest(strand->waiter.script, conn_of(strand), close);
  strand->line = LINE_NONE;
  wake_receiver(strand);
}

/* NULL while something waits, and when nothing is left. */
static struct queued_event *next_to_run(struct strand *strand) {
  if (strand->waiter.is_waiting) return NULL;
  end_free_line(strand);
  return strand->line ? NULL : first_queued(strand);
}

/* Runs what queued up, until something waits again or nothing is left. The
 * strand may be gone afterwards. */
static void run_queue(struct strand *strand) {
  struct queued_event *queued;
  strand->is_busy = true;
  while ((queued = next_to_run(strand))) run_queued(strand, queued);
  strand->is_busy = false;
  if (!is_in_use(strand)) free_strand(strand);
}

/* ---- a handler that waits */

struct waiter *strand_waiter(struct script *script, struct connection *conn) {
  struct strand *strand = need_strand(script, conn);
  return strand ? &strand->waiter : NULL;
}

bool strand_is_waiting(const struct connection *conn) {
  return conn->app && strand_of(conn)->waiter.is_waiting;
}

static uint32_t version_of_next(struct script *script,
                                struct connection *conn) {
  struct script_endpoint *endpoint = (struct script_endpoint *)conn->endpoint;
  return endpoint && endpoint->version ? endpoint->version : script->version;
}

uint32_t strand_version(struct script *script, struct connection *conn) {
  if (script->run && script->run->conn == conn) return script->run->version;
  if (strand_is_waiting(conn)) return strand_of(conn)->waiter.version;
  return version_of_next(script, conn);
}

void strand_push_outdated(struct script *script, lua_State *L) {
  struct list *link = script->strands.next;
  lua_newtable(L);
  for (; link != &script->strands; link = link->next) {
    struct strand *strand = OWNER_OF(link, struct strand, in_script);
    struct connection *conn = conn_of(strand);
    bool is_old = strand->waiter.is_waiting &&
                  strand->waiter.version != version_of_next(script, conn);
    if (!is_old) continue;
    lua_pushnumber(L, (lua_Number)conn->id);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
  }
}

void strand_wait(struct event *event, struct coroutine co) {
  struct strand *strand = strand_of(event->conn);
  strand->current = *event;
  strand->current.data = SLICE("");
  strand->current.has_data = false;
  strand->waiter.co = co;
}

static void go_on(struct waiter *waiter) {
  struct strand *strand = OWNER_OF(waiter, struct strand, waiter);
  struct event event = strand->current;
  struct coroutine co = waiter->co;
  uint32_t before = log_set_version(waiter->version);
  strand->is_busy = true;
  int status =
      waiter_resume(waiter, (struct run){.what = event_name(event.kind),
                                         .conn = event.conn,
                                         .event = &event});
  event_finish(waiter->script, &event, co, status);
  log_set_version(before);
  run_queue(strand);
}

/* The handler is never resumed. Of what is queued behind it only onClose is
 * still told: each onOpen has one. */
static void drop_strand(struct strand *strand) {
  struct script *script = strand->waiter.script;
  struct queued_event *queued;
  bool was_waiting = strand->waiter.is_waiting;
  strand->is_busy = true;
  strand->line = LINE_NONE;
  waiter_drop(&strand->waiter);
  if (strand->receiver) waiter_end(strand->receiver, WAIT_CANCELLED);
  timers_cancel(&strand->timers);
  if (was_waiting) {
    script_release(script, strand->waiter.co.held);
    event_end(script, &strand->current);
  }
  while (!strand->waiter.is_waiting && (queued = first_queued(strand))) {
    if (queued->event.kind == EVENT_CLOSE) {
      run_queued(strand, queued);
      continue;
    }
    take_queued(strand, queued);
    event_end(script, &queued->event);
    mem_free(queued);
  }
  strand->is_busy = false;
  if (!is_in_use(strand)) free_strand(strand);
}

void strands_drop(struct script *script) {
  while (!list_is_empty(&script->strands)) {
    struct list *link = script->strands.next;
    drop_strand(OWNER_OF(link, struct strand, in_script));
  }
}

size_t strand_queued(const struct connection *conn) {
  return conn->app ? strand_of(conn)->count : 0;
}

/* ---- its timers */

struct list *strand_timers(struct script *script, struct connection *conn) {
  struct strand *strand = need_strand(script, conn);
  return strand ? &strand->timers : NULL;
}

void strand_closed(struct connection *conn) {
  if (conn->app) timers_cancel(&strand_of(conn)->timers);
}

/* ---- what is received */

enum line strand_line(const struct connection *conn) {
  return conn->app ? (enum line)strand_of(conn)->line : LINE_NONE;
}

bool strand_begin_line(struct script *script, struct connection *conn,
                       enum line line) {
  struct strand *strand = need_strand(script, conn);
  if (strand) strand->line = line;
  return strand != NULL;
}

void strand_end_line(struct connection *conn) {
  struct strand *strand = strand_of(conn);
  strand->line = LINE_NONE;
  if (!strand->is_busy) run_queue(strand);
}

/* What stands before it is told when the handler that receives has ended. */
const struct event *strand_first(const struct connection *conn) {
  struct strand *strand = strand_of(conn);
  if (!strand) return NULL;
  struct list *link = strand->queue.next;
  for (; link != &strand->queue; link = link->next) {
    struct event *event = &OWNER_OF(link, struct queued_event, link)->event;
    if (is_received(event)) return event;
  }
  return NULL;
}

void strand_take(struct connection *conn, const struct event *first) {
  struct queued_event *queued = OWNER_OF(first, struct queued_event, event);
  take_queued(strand_of(conn), queued);
  mem_free(queued);
}

bool strand_hear(struct script *script, struct connection *conn,
                 struct waiter *waiter) {
  struct strand *strand = need_strand(script, conn);
  if (!strand) return false;
  strand->receiver = waiter;
  waiter->heard = strand;
  return true;
}

bool strand_is_heard(const struct connection *conn) {
  return conn->app && strand_of(conn)->receiver;
}

void strand_stop_hearing(struct strand *strand) {
  strand->receiver = NULL;
}

/* ---- delivery */

static bool is_queued(const struct strand *strand, const struct event *event) {
  if (event->kind == EVENT_ERROR) return false;
  return strand->waiter.is_waiting || strand->line || strand->count > 0;
}

static void deliver_queued(struct strand *strand, struct event *event) {
  if (strand->line && !is_received(event))
    event_end(strand->waiter.script, event); /* nobody asks for it */
  else
    queue_event(strand, event);
}

void strand_deliver(struct script *script, struct event *event) {
  struct connection *conn = event->conn;
  if (conn->app && is_queued(conn->app, event))
    deliver_queued(conn->app, event);
  else
    event_run(script, event);
  if (conn->app && !strand_of(conn)->is_busy) run_queue(conn->app);
}
