/*
 * internal - what the files of the script layer share.
 *
 * Rules: C enters the Lua state only through call.c. User code runs in a pooled
 * coroutine (script_resume), C work that may raise runs in script_protect. What
 * C keeps of Lua stands in one table, `held`, under an integer.
 */
#ifndef RATCHET_SCRIPT_INTERNAL_H
#define RATCHET_SCRIPT_INTERNAL_H

#include "base/list.h"
#include "base/log_rate.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net/tls_server.h"
#include "proto/http_answer.h"
#include "script.h"
#include "server/connection.h"
#include "watchdog.h"

#include <lauxlib.h>
#include <lua.h>

enum {
  COROUTINES_KEPT = 256,
  SCRIPT_KEPT_TEXT = 4096, /* a longer last_sent is let go with its turn */
};

/* The last message that was sent, framed: sending the same string again, as a
 * loop over clients does, costs a reference. Lua strings are interned, so while
 * the string is held, the same pointer is the same string. */
struct last_sent {
  const char *text;
  size_t length;
  int opcode; /* or OP_RAW */
  struct payload *payload;
};

struct strand;
struct task;
struct ticket;
struct timer;

enum event_kind {
  EVENT_OPEN,
  EVENT_MESSAGE,
  EVENT_PING,
  EVENT_PONG,
  EVENT_DRAIN,
  EVENT_CLOSE,
  EVENT_ERROR,
  EVENT_REQUEST, /* the function of a listener, not of a component */
  EVENT_PIECE,   /* the function of an answer's body */
  EVENT_TIMER,   /* the function of a timer */
  EVENT_KINDS,
};

/* Whose code is running. Lives on the C stack while it does. */
struct run {
  lua_State *co;
  const char *what;        /* as the watchdog names it: "onMessage" */
  struct connection *conn; /* whose event is handled, or NULL */
  struct event *event;     /* that one */
  struct task *task;       /* or NULL; with neither: the app file is loaded */
  uint32_t version;        /* of that code */
};

struct coroutine {
  lua_State *L;
  int held;
};

/* Owned by main; everything below it is freed in script_free. */
struct script {
  lua_State *L;
  struct loop *loop;
  struct server *server;
  struct script_options options;
  const char *app_path; /* main's, once it is loaded */
  int add_traceback;    /* call.c, in the registry */
  int describe;         /* call.c: how errors are shown, in the registry */
  int held;             /* the table of what C keeps, in the registry */
  /* Of the prelude, in the registry. */
  int index_of, guard_luv, of_handlers, forget_nesting;
  int runners[EVENT_TIMER]; /* held: of each kind of event */
  int own_handle;           /* held: the prelude's, or LUA_NOREF */
  int close_luv;          /* held: closes the app's luv handles, or LUA_NOREF */
  int last_text;          /* in the registry: last_sent.text */
  int known_text;         /* in the registry: the string of known_utf8 */
  const char *known_utf8; /* a long text that came in, so needs no check */
  struct last_sent last_sent;
  struct list services;      /* script_service.link */
  struct log_rate refusals;  /* of connections, before any request */
  struct list attempts;      /* attempt.link, connect.c */
  struct list strands;       /* strand.in_script */
  struct list tasks;         /* task.in_script */
  struct list timers;        /* timer.in_owner, of those without connection */
  struct list callers;       /* caller_object.link */
  struct list ready;         /* waiter.in_ready: waits that are over */
  const struct run *run;     /* NULL: no user code, or a callback of luv */
  int waiting, line_methods; /* of waiting.lua, in the registry */
  uint32_t version;          /* of the app's code, 0 before it is known */
  uint64_t last_listener;    /* the numbers that Lua knows listeners by */
  /* Of membership.lua and users.lua, in the registry. */
  int topic_methods, get_topic_field, set_topic_field, leave_topics;
  int users, user_methods;
  int connection_methods; /* the prelude finds them there; in the registry */
  int request_metatable;  /* held: of request tables, or LUA_NOREF */
  int answer_metatable;   /* held: of answer tables, or LUA_NOREF */
  int opening_request;    /* held: the request that `open` is told with */
  struct connection *opening;         /* whose it is */
  struct list redis_links, redis_due; /* redis_object.c */
  struct buffer redis_text;           /* a command being put together */
  int tell_redis;                     /* redis_object.c, in the registry */
  struct buffer addresses;
  struct watchdog watchdog;
  struct testbed *testbed; /* of a test, or NULL: testbed.c */
  bool is_command;         /* and no app: command.c */
  int status;              /* of the command that has ended */
  size_t idle_count;
  struct coroutine idle[COROUTINES_KEPT];
};

/* ---- call.c */

/* Runs `work` with `argument` as its only, light, value; an error is logged as
 * `what` and costs nothing else. False after one. */
bool script_protect(struct script *script, lua_CFunction work, void *argument,
                    const char *what);
/* The same for a function in the registry, which saves making a closure; its
 * results are left on the stack. */
bool script_protect_prepared(struct script *script, int prepared,
                             void *argument, int results, const char *what);
/* Runs or continues user code in run->co: a lua_resume status. One that the
 * watchdog stopped has failed, whatever it yielded. */
int script_resume(struct script *script, const struct run *run, int arguments);
/* luv's way in: callbacks that were given to it. */
int script_call_luv(lua_State *L, int arguments, int results, int flags);
/* Calls the function at the top, without arguments or results, and pops it; an
 * error is logged with its traceback. Only inside of protected work. */
void script_call_logged(lua_State *L, const char *where);
/* A message with its traceback, pushed; for what is no string, the value. */
void script_push_traceback(lua_State *L, lua_State *co);
/* Writes the value at the top of `L` to the log as an error of `where`. */
void script_log_error(lua_State *L, const char *where);

/* Makes what the others need, while there is memory. May raise. */
void script_prepare_calls(struct script *script, lua_State *L);

/* ---- script.c */

struct script *script_of(lua_State *L);
/* Keeps the value at the top, and pops it. May raise for want of memory. */
int script_hold(struct script *script, lua_State *L);
void script_push_held(struct script *script, lua_State *L, int held);
void script_release(struct script *script, int held);
/* LUA_NOREF-safe names for table fields that C sets. */
void script_set_text(lua_State *L, const char *field, struct slice text);

/* ---- modules.c */

/* Lua's own; Lua is loaded as text only from here on. Raises. */
void script_open_libraries(lua_State *L);
/* For `require`: luv on the server's loop, cjson, ratchet.core. Only on the
 * main state. Raises. */
void script_open_modules(struct script *script, lua_State *L);
/* The app's folder comes first in package.path. Raises. */
void script_set_paths(lua_State *L, const char *app_path);
/* Loads a file as text: a lua_load status, with the function or the message
 * on the stack. */
int script_load_file(lua_State *L, const char *path);

/* ---- reload.c: what a reload in Lua needs of C */

/* Before the app file is loaded: its files are noted from here on. */
void reload_prepare(lua_State *L, const char *app_path);
int reload_digest(lua_State *L);
int reload_set_version(lua_State *L);
int reload_outdated(lua_State *L);
int reload_freeze(lua_State *L);
int reload_own_handle(lua_State *L);
int reload_unwatched(lua_State *L);
int reload_isolate(lua_State *L);

/* ---- core.c */

int script_open_core(lua_State *L);
/* Fills the table at the top. */
void script_register(lua_State *L, const luaL_Reg *functions);
/* The same with the entries of a table in the registry. */
void script_add_fields(lua_State *L, int registered);

/* ---- testbed.c: what a test of an app stands on */

/* The table core.testbed. */
void testbed_push(lua_State *L);
/* At the end of a turn: moves what is under way in a test. Shall the next turn
 * begin at once? */
bool testbed_turn(struct script *script);
/* Something is done that may have consequences. */
void testbed_note_stir(struct script *script);
void testbed_free(struct script *script);

/* ---- command.c */

int command_finish(lua_State *L);

/* ---- endpoint.c: a component as the server sees it */

struct script_endpoint {
  struct endpoint base;
  struct script *script;
  int component;    /* held */
  uint32_t version; /* of the code it was left with; 0: the app's */
};

/* Of a connection that has an endpoint. */
static inline struct script *script_of_connection(struct connection *conn) {
  return ((struct script_endpoint *)conn->endpoint)->script;
}

void script_open_endpoint(lua_State *L);
int script_new_endpoint(lua_State *L);
/* The endpoint at that index, or NULL. */
struct script_endpoint *script_to_endpoint(lua_State *L, int index);

/* ---- event.c: an event as a run of user code */

/* Borrows its data; a queued one owns a copy. `value` is held and is released
 * when the event is done. */
struct event {
  enum event_kind kind;
  bool is_binary;
  bool has_data; /* which Lua has not been given yet */
  int code;
  int value;    /* the request, or what was raised; LUA_NOREF for none */
  int function; /* EVENT_REQUEST, EVENT_PIECE: held by service or source */
  struct connection *conn;
  struct timer *timer; /* EVENT_TIMER: borrowed until timer_done */
  struct slice data;
};

/* "onMessage" */
const char *event_name(enum event_kind kind);
/* Runs user code for it, now. */
void event_run(struct script *script, struct event *event);
/* After a resume with that status: ends the event or lets it wait. */
void event_finish(struct script *script, struct event *event,
                  struct coroutine co, int status);
/* It has been handled, well or not, or never will be. */
void event_end(struct script *script, struct event *event);

/* ---- coroutine.c */

/* Used at the bottom of each. */
enum { COROUTINE_SLOTS = 1 };

void coroutine_set_up(struct script *script, lua_State *L);
/* False when there is no memory. */
bool coroutine_take(struct script *script, struct coroutine *co);
void coroutine_give(struct script *script, struct coroutine co);
/* Pushes what the event runs, with its arguments; returns how many those are.
 */
int coroutine_push_event(struct script *script, lua_State *co,
                         const struct event *event);

/* ---- waiter.c: a coroutine that is suspended, and what ends its wait */

/* How a wait can end besides by what it waits for. */
enum wait_end {
  WAIT_TIMED_OUT,
  WAIT_CANCELLED,
  WAIT_LOST, /* nobody can end it any more */
  WAIT_ENDS,
};

enum { WAIT_MOST_SECONDS = 366 * 86400 };

/* Part of a strand or a task. What it waits for is cleared when the wait is
 * over; it then stands in script->ready until it goes on. */
struct waiter {
  struct list in_ready;
  struct script *script;
  struct coroutine co;
  struct alarm alarm;    /* a time ends the wait */
  struct ticket *ticket; /* who has it ends the wait, or NULL */
  struct strand *heard;  /* whose next event ends the wait, or NULL */
  uint32_t version;      /* of the code that waits */
  int arguments;         /* on co, for its next resume */
  bool is_waiting;       /* until it goes on */
  void (*go_on)(struct waiter *waiter);
};

void waiter_init(struct waiter *waiter, struct script *script,
                 void (*go_on)(struct waiter *waiter));
/* The wait is over: so many results are on its coroutine. It goes on at the end
 * of this turn. */
void waiter_wake(struct waiter *waiter, int arguments);
/* The same, for a wait that did not get what it waited for. Nothing for one
 * that does not wait (any more). */
void waiter_end(struct waiter *waiter, enum wait_end end);
void waiter_push_mark(lua_State *L, enum wait_end end);
/* Forgets the wait; whose it is releases the coroutine. */
void waiter_drop(struct waiter *waiter);
/* For go_on: a lua_resume status. */
int waiter_resume(struct waiter *waiter, struct run run);
void waiters_run(struct script *script);

/* The waiter of what runs in `L`, which yields next; raises where nothing can
 * wait. The caller says what ends the wait and sets is_waiting. */
struct waiter *wait_begin(struct script *script, lua_State *L);
void wait_until(struct waiter *waiter, double seconds);
/* Seconds from Lua, and as milliseconds, rounded up. */
double wait_check_seconds(lua_State *L, int index);
uint64_t wait_ms(double seconds);

/* Functions of waiting.lua: */
int wait_check(lua_State *L);
int wait_yield(lua_State *L);
int wait_sleep(lua_State *L);
void waiting_set_up(struct script *script, lua_State *L);

/* ---- ticket.c */

/* Emptied when its wait is over. */
struct ticket {
  struct waiter *waiter;
};

/* Raises unless a ticket is at that index. */
struct ticket *ticket_check(lua_State *L, int index);
int ticket_new(lua_State *L);
int ticket_begin(lua_State *L);
int ticket_wake(lua_State *L);

/* ---- task.c: functions that run by themselves */

struct waiter *task_waiter(struct task *task);
bool task_is_cancelled(const struct task *task);
/* Runs what the timer calls, now; timer_done follows. False without memory. */
bool task_run_timer(struct script *script, struct timer *timer);
/* None of them goes on. */
void tasks_drop(struct script *script);
/* None but that one does. */
void tasks_drop_but(struct script *script, const struct task *kept);
/* `task` may be one that has ended. */
bool task_exists(const struct script *script, const struct task *task);
/* How many wait in older code. */
int tasks_outdated(const struct script *script);
void task_open(lua_State *L);
int task_spawn(lua_State *L);

/* ---- timer.c */

/* Pushes what it calls and its arguments; returns how many those are. */
int timer_push(struct timer *timer, lua_State *co);
/* What it called has ended. */
void timer_done(struct timer *timer);
void timer_cancel(struct timer *timer);
void timers_cancel(struct list *timers);
void timer_open(lua_State *L);
int timer_new(lua_State *L);

/* ---- strand.c: the events of one connection, one after the other */

/* Runs the event, or queues it behind the one that waits. */
void strand_deliver(struct script *script, struct event *event);
/* Of its handler; NULL without memory. */
struct waiter *strand_waiter(struct script *script, struct connection *conn);
bool strand_is_waiting(const struct connection *conn);
/* Of its code that runs or waits, or else of what its next event will run. */
uint32_t strand_version(struct script *script, struct connection *conn);
/* Pushes the ids of the connections whose handlers wait in older code. */
void strand_push_outdated(struct script *script, lua_State *L);
/* The handler of this event is the one that waits, in that coroutine. */
void strand_wait(struct event *event, struct coroutine co);
/* Ends every wait without an answer: the server is closing. */
void strands_drop(struct script *script);
/* Its last event has been told. */
void strand_closed(struct connection *conn);
/* Where its timers stand (timer.in_owner); NULL without memory. */
struct list *strand_timers(struct script *script, struct connection *conn);

/* How many events are queued. */
size_t strand_queued(const struct connection *conn);

/* Line mode: messages are not told but received (receive.c). */
enum line {
  LINE_NONE,
  LINE_RUN,  /* while its handler `run` runs */
  LINE_FREE, /* by whoever wants to: it has no handlers */
};
/* False without memory. */
bool strand_begin_line(struct script *script, struct connection *conn,
                       enum line line);
void strand_end_line(struct connection *conn);
enum line strand_line(const struct connection *conn);
/* The first message or close that is queued, or NULL. */
const struct event *strand_first(const struct connection *conn);
void strand_take(struct connection *conn, const struct event *first);
/* The next of them ends this wait. False without memory. */
bool strand_hear(struct script *script, struct connection *conn,
                 struct waiter *waiter);
bool strand_is_heard(const struct connection *conn);
void strand_stop_hearing(struct strand *strand);

/* ---- receive.c */

int receive_take(lua_State *L);
int receive_hear(lua_State *L);
int receive_begin_run(lua_State *L);
int receive_begin_line(lua_State *L);
/* Its handler `run` has ended. */
void receive_run_ended(struct event *event, bool is_well);

/* ---- connection_object.c: the connection as Lua sees it */

/* Emptied when the connection has told its last event. */
struct connection_object {
  const void *kind;        /* tells it from other userdata of its size */
  struct connection *conn; /* NULL: dead */
  uint64_t id : 63;
  bool has_fields : 1; /* its environment is a table of the app's fields */
};

void connection_object_open(lua_State *L);
/* Makes the connection's object. False when there is no memory. */
bool connection_object_make(struct script *script, struct connection *conn);
void connection_object_push(struct script *script, lua_State *L,
                            struct connection *conn);
/* The connection is gone; scripts may keep the object for ever. */
void connection_object_empty(struct script *script, struct connection *conn);
struct connection_object *connection_object_to(lua_State *L, int index);
/* Moves the messages that a line has left out of its queue, for a receive that
 * comes when the connection is gone. */
void connection_object_keep_line(struct script *script, struct connection *conn,
                                 const struct event *close);
/* The next of them, as receive_take has it; then nil, code and reason, or
 * nothing when that is not known. The object is at 1. */
int connection_object_take_rest(lua_State *L);
/* Keeps the request at the top as conn.httpRequest, if the app has written to
 * it or in any case. Pops it. May raise. */
void connection_object_keep_request(struct script *script, lua_State *L,
                                    struct connection *conn, bool always);

/* ---- message.c */

/* The message at `index` as one payload: framed, or raw for OP_RAW. Raises for
 * what may not be sent. The reference is last_sent's. */
enum { OP_RAW = 0x10 };
struct payload *message_payload(struct script *script, lua_State *L, int index,
                                int opcode);
void message_forget(struct script *script);
/* The text at the top came from a reader, which has checked it. */
void message_note_received(struct script *script, lua_State *L);

/* ---- topic_object.c */

/* Before the prelude, which tells topics of a connection's end. Raises. */
void topics_set_up(struct script *script, lua_State *L);
void topic_object_open(lua_State *L);
int topic_object_get(lua_State *L);

/* ---- crypto.c */

int crypto_hmac_sha256(lua_State *L);
int crypto_random_bytes(lua_State *L);
int crypto_sha256(lua_State *L);
int crypto_equals(lua_State *L);
int crypto_sign(lua_State *L);
int crypto_verify(lua_State *L);

/* ---- file_lock.c */

int file_lock(lua_State *L);

/* ---- caller_object.c: a connection to an HTTP server */

void caller_object_open(lua_State *L);
int caller_object_new(lua_State *L);
/* Ends them all, and nobody is told. */
void caller_object_close_all(struct script *script);

/* ---- redis_object.c: a connection to a Redis server as Lua sees it */

void redis_object_open(lua_State *L);
/* core.redis and core.redisCommand */
int redis_object_new(lua_State *L);
int redis_object_format(lua_State *L);
/* Sends what handlers have written in this turn. */
void redis_object_flush(struct script *script);
void redis_object_close_all(struct script *script);

/* ---- request.c: requests and what is decided on them */

/* Pushes the table that Lua knows as a request. May raise. */
void request_push(struct script *script, lua_State *L, struct connection *conn,
                  const struct http_head *head);
/* Carries out what the listener's function returned: four values on `co`, from
 * `first` on. */
void request_decided(struct script *script, lua_State *co, int first,
                     struct connection *conn, int request);
void request_failed(struct connection *conn);
/* Pushes the list name, value, name, value, ... May raise. */
void request_push_headers(lua_State *L, const struct http_header *headers,
                          size_t count);

/* ---- connect.c */

void connect_open(lua_State *L);
int connect_start(lua_State *L);
int connect_answer_metatable(lua_State *L);
/* Ends every attempt; who waits for it is not told. */
void connects_end(struct script *script);

/* ---- answer.c */

/* Pushes the table that Lua knows as an answer. May raise. */
void answer_push(struct script *script, lua_State *L,
                 const struct http_answer *answer, struct slice body);

/* ---- source.c: a body that comes piece by piece */

/* Of the functions at two indices, the second of which may be nil. `made` is
 * the caller's as soon as it is not NULL, also when this raises. */
void source_new(struct script *script, lua_State *L, int next, int over,
                struct answer_source **made);
/* Carries out what its function returned. */
void source_returned(lua_State *co, int index, struct connection *conn);

/* ---- secure.c */

/* The TLS that the field `tls` of the table at 1 asks for; NULL when it asks
 * for none, or, with a message in `error`, when it cannot be had. Raises at
 * what makes no sense. */
struct tls_server *secure_read(lua_State *L, struct script *script,
                               char error[TLS_ERROR_MAX]);

/* Sets what `secure`, `ca`, `serverName` and `insecure` of the table at that
 * index say; the strings stay alive in it. Raises. */
void secure_read_target(lua_State *L, int index, struct dial_target *target);

/* ---- listen.c */

int script_listen(lua_State *L);
int script_unlisten(lua_State *L);
int script_serve(lua_State *L);
/* Pushes the list core.handed. */
void script_push_handed(lua_State *L);
void script_close_listeners(struct script *script);
void script_drop_services(struct script *script);
void script_free_services(struct script *script);
/* Closes the listeners; nobody is connected to them any more. */
void script_forget_services(struct script *script);

#endif
