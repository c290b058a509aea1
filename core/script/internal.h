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
#include "net/listener.h"
#include "net/tls_server.h"
#include "script.h"
#include "server/connection.h"

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

struct ticket;

/* Owned by main; everything below it is freed in script_free. */
struct script {
  lua_State *L;
  struct loop *loop;
  struct server *server;
  struct script_options options;
  int add_traceback; /* call.c, in the registry */
  int describe;      /* call.c: how errors are shown, in the registry */
  int held;          /* the table of what C keeps, in the registry */
  /* Of the prelude, in the registry. */
  int runners, index_of, guard_luv, of_handlers;
  int close_luv;          /* held: closes the app's luv handles, or LUA_NOREF */
  int push_data;          /* strand.c, in the registry */
  int last_text;          /* in the registry: last_sent.text */
  int known_text;         /* in the registry: the string of known_utf8 */
  const char *known_utf8; /* a long text that came in, so needs no check */
  struct last_sent last_sent;
  struct list services;       /* script_service.link */
  struct log_rate refusals;   /* of connections, before any request */
  struct list strands;        /* strand.in_script */
  struct list ready;          /* strand.in_ready: waits that are over */
  lua_State *running;         /* the coroutine that runs user code, or NULL */
  struct ticket *wait_ticket; /* what it yielded with, by core.wait */
  int request_metatable;      /* held: of request tables, or LUA_NOREF */
  int opening_request;        /* held: the request that `open` is told with */
  struct connection *opening; /* whose it is */
  struct buffer addresses;
  size_t idle_count;
  struct coroutine {
    lua_State *L;
    int held;
  } idle[COROUTINES_KEPT];
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
/* Runs or continues user code: a lua_resume status. */
int script_resume(struct script *script, lua_State *co, int arguments);
/* luv's way in: callbacks that were given to it. */
int script_call_luv(lua_State *L, int arguments, int results, int flags);
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

/* ---- core.c */

int script_open_core(lua_State *L);
/* Fills the table at the top. */
void script_register(lua_State *L, const luaL_Reg *functions);

/* ---- endpoint.c: a component as the server sees it */

struct script_endpoint {
  struct endpoint base;
  struct script *script;
  int component; /* held */
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

enum event_kind {
  EVENT_OPEN,
  EVENT_MESSAGE,
  EVENT_PING,
  EVENT_PONG,
  EVENT_DRAIN,
  EVENT_CLOSE,
  EVENT_ERROR,
  EVENT_REQUEST, /* the function of a listener, not of a component */
  EVENT_KINDS,
};

/* Borrows its data; a queued one owns a copy. `value` is held and is released
 * when the event is done. */
struct event {
  enum event_kind kind;
  bool is_binary;
  int code;
  int value;    /* the request, or what was raised; LUA_NOREF for none */
  int function; /* EVENT_REQUEST: held by its service */
  struct connection *conn;
  struct slice data;
};

/* "onMessage" */
const char *event_name(enum event_kind kind);
/* Runs user code for it, now. */
void event_run(struct script *script, struct event *event);
/* After a resume with that status: ends the event or lets it wait. */
void event_finish(struct script *script, struct event *event,
                  struct coroutine co, int status);
/* What it waits for cannot happen any more. */
void event_abandon(struct script *script, struct event *event);
/* It has been handled, well or not, or never will be. */
void event_end(struct script *script, struct event *event);

/* ---- coroutine.c */

enum { COROUTINE_SLOTS = EVENT_KINDS + 1 }; /* used at the bottom of each */

void coroutine_set_up(struct script *script, lua_State *L);
/* False when there is no memory. */
bool coroutine_take(struct script *script, struct coroutine *co);
void coroutine_give(struct script *script, struct coroutine co);
/* Pushes what the event runs, with its arguments; returns how many arguments,
 * or -1 without memory. */
int coroutine_push_event(struct script *script, lua_State *co,
                         struct event *event);

/* ---- strand.c: the events of one connection, one after the other */

struct strand;

/* Runs the event, or queues it behind the one that waits. */
void strand_deliver(struct script *script, struct event *event);
/* The event's coroutine waits for script->wait_ticket. */
void strand_wait(struct script *script, struct event *event,
                 struct coroutine co);
/* The wait is over: takes its results from the top of L. The handler goes on at
 * the end of this turn. */
void strand_wake(struct strand *strand, lua_State *L, int arguments);
/* Nobody can end the wait any more: its handler is ended with an error. */
void strand_lose_ticket(struct strand *strand);
void strand_run_ready(struct script *script);
/* Ends every wait without an answer: the server is closing. */
void strand_drop_all(struct script *script);

/* ---- ticket.c */

/* Emptied when its wait is over. */
struct ticket {
  struct strand *strand;
};

int ticket_new(lua_State *L);
int ticket_wait(lua_State *L);
int ticket_wake(lua_State *L);

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

void topic_object_open(lua_State *L);
int topic_object_get(lua_State *L);

/* ---- request.c: requests and what is decided on them */

/* Pushes the table that Lua knows as a request. May raise. */
void request_push(struct script *script, lua_State *L, struct connection *conn,
                  const struct http_head *head);
/* Carries out what the listener's function returned: three values on `co`, from
 * `first` on. */
void request_decided(struct script *script, lua_State *co, int first,
                     struct connection *conn, int request);
void request_failed(struct connection *conn);

/* ---- secure.c */

/* The TLS that the field `tls` of the table at 1 asks for; NULL when it asks
 * for none, or, with a message in `error`, when it cannot be had. Raises at
 * what makes no sense. */
struct tls_server *secure_read(lua_State *L, struct script *script,
                               char error[TLS_ERROR_MAX]);

/* ---- listen.c */

int script_listen(lua_State *L);
/* Pushes the list core.handed. */
void script_push_handed(lua_State *L);
void script_close_listeners(struct script *script);
void script_drop_services(struct script *script);
void script_free_services(struct script *script);

#endif
