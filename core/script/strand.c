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
 */
#include "base/mem.h"
#include "internal.h"

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
  bool is_lost;          /* nobody can end the wait any more */
  struct ticket *ticket; /* whose holder ends the wait; NULL: nobody can */
  struct list queue;
  size_t count, bytes;
};

struct queued_event {
  struct list link;
  struct event event;
  char data[];
};

static bool is_full(const struct strand *strand) {
  return strand->count > QUEUE_EVENTS || strand->bytes > QUEUE_BYTES;
}

static bool is_half_empty(const struct strand *strand) {
  return strand->count <= QUEUE_EVENTS / 2 && strand->bytes <= QUEUE_BYTES / 2;
}

static void queue_event(struct strand *strand, struct event *event) {
  size_t size = sizeof(struct queued_event) + event->data.length;
  struct queued_event *queued = mem_alloc(size);
  if (!queued) {
    connection_terminate(event->conn);
    event_end(strand->script, event);
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

void strand_wait(struct script *script, struct event *event,
                 struct coroutine co) {
  struct connection *conn = event->conn;
  struct strand *strand = conn->app;
  if (!strand) {
    strand = mem_alloc_zeroed(1, sizeof *strand);
    if (!strand) {
      script_release(script, co.held);
      event_end(script, event);
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
    event_run(strand->script, &queued->event);
    mem_free(queued);
    if (is_half_empty(strand)) connection_resume(conn, PAUSE_BUSY);
  }
  if (!strand->is_waiting) free_strand(strand);
}

static void run_on(struct strand *strand) {
  struct connection *conn = strand->current.conn;
  struct event event = strand->current;
  strand->is_waiting = false;
  if (strand->is_lost) {
    strand->is_lost = false;
    script_release(strand->script, strand->co.held);
    event_abandon(strand->script, &event);
    run_queue(strand, conn);
    return;
  }
  int status = script_resume(strand->script, strand->co.L, strand->arguments,
                             event_name(event.kind));
  event_finish(strand->script, &event, strand->co, status);
  run_queue(strand, conn);
}

/* Those that are ready now. What they wake goes on in the next turn: two that
 * wake each other for ever must not keep everybody else from theirs. */
void strand_run_ready(struct script *script) {
  struct list now, *link;
  list_init(&now);
  list_move_all(&now, &script->ready);
  while ((link = list_take_first(&now))) {
    run_on(LIST_OWNER(link, struct strand, in_ready));
  }
}

/* The handler is never resumed. Of what is queued behind it only onClose is
 * still told: each onOpen has one. */
static void drop_strand(struct strand *strand) {
  struct queued_event *queued;
  if (strand->ticket) strand->ticket->strand = NULL;
  strand->is_waiting = false;
  script_release(strand->script, strand->co.held);
  event_end(strand->script, &strand->current);
  while (!strand->is_waiting && (queued = next_queued(strand))) {
    bool is_told = queued->event.kind == EVENT_CLOSE;
    if (is_told)
      event_run(strand->script, &queued->event);
    else
      event_end(strand->script, &queued->event);
    mem_free(queued);
  }
  if (!strand->is_waiting) free_strand(strand);
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
  event_run(script, event);
}

void strand_wake(struct strand *strand, lua_State *L, int arguments) {
  strand->ticket = NULL;
  strand->arguments = arguments;
  lua_xmove(L, strand->co.L, arguments);
  list_append(&strand->script->ready, &strand->in_ready);
}

/* Called by the collector: what has to be done is done at the end of the turn.
 */
void strand_lose_ticket(struct strand *strand) {
  strand->ticket = NULL;
  strand->is_lost = true;
  list_append(&strand->script->ready, &strand->in_ready);
}
