/*
 * state - the Lua state and all that stands around it, which the files of this
 * layer share. What main sees of it is script.h.
 *
 * C enters the state only through call.h. What C keeps of Lua stands in one
 * table, `held`, under an integer; what is needed at each event, or always, is
 * in the registry, which costs a step less.
 */
#ifndef RATCHET_SCRIPT_STATE_H
#define RATCHET_SCRIPT_STATE_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/log_rate.h"
#include "base/slice.h"
#include "coroutine.h"
#include "event.h"
#include "message.h"
#include "script.h"
#include "watchdog.h"

#include <lua.h>

struct run;
struct testbed;

/* Owned by main; everything below it is freed in script_free. Each group of
 * fields is the business of the file that is named, and of no other. */
struct script {
  lua_State *L;
  struct loop *loop;
  struct server *server;
  struct script_options options;
  const char *app_path;    /* main's, once it is loaded */
  const struct run *run;   /* NULL: no user code, or a callback of luv */
  uint32_t version;        /* of the app's code, 0 before it is known */
  int held;                /* the table of what C keeps, in the registry */
  struct buffer addresses; /* that the app announced, one a line */
  struct watchdog watchdog;
  /* call.c, in the registry: */
  int add_traceback;
  int describe; /* how errors are shown */
  /* coroutine.c, which loads the prelude: of that, in the registry */
  int index_of, guard_luv, of_handlers, forget_nesting;
  int runners[EVENT_TIMER]; /* held: of each kind of event */
  size_t idle_count;
  struct coroutine idle[COROUTINES_KEPT];
  /* strand.c, task.c, timer.c, waiter.c: */
  struct list strands;       /* strand.in_script */
  struct list tasks;         /* task.in_script */
  struct list timers;        /* timer.in_owner, of those without connection */
  struct list ready;         /* waiter.in_ready: waits that are over */
  int waiting, line_methods; /* of waiting.lua, in the registry */
  /* message.c: */
  struct last_sent last_sent;
  int last_text;          /* in the registry: last_sent.text */
  int known_text;         /* in the registry: the string of known_utf8 */
  const char *known_utf8; /* a long text that came in, so needs no check */
  /* connection_object.c: */
  int connection_methods; /* the prelude finds them there; in the registry */
  /* topic_object.c: of membership.lua and users.lua, in the registry */
  int topic_methods, get_topic_field, set_topic_field, leave_topics;
  int users, user_methods;
  /* request.c: */
  int request_metatable;      /* held: of request tables, or LUA_NOREF */
  int opening_request;        /* held: the request that `open` is told with */
  struct connection *opening; /* whose it is */
  /* service.c, listen.c: */
  struct list services;     /* script_service.link */
  struct log_rate refusals; /* of connections, before any request */
  uint64_t last_listener;   /* the numbers that Lua knows listeners by */
  /* connect.c, caller_object.c, answer.c: */
  struct list attempts; /* attempt.link */
  struct list callers;  /* caller_object.link */
  int answer_metatable; /* held: of answer tables, or LUA_NOREF */
  /* redis_object.c: */
  struct list redis_links, redis_due;
  struct buffer redis_text; /* a command being put together */
  int tell_redis;           /* in the registry */
  /* modules.c: of luv, held, or LUA_NOREF */
  int own_handle; /* says of a handle that it is the library's */
  int close_luv;  /* closes the app's handles */
  /* testbed.c, command.c: */
  struct testbed *testbed; /* of a test, or NULL */
  bool is_command;         /* and no app */
  int status;              /* of the command that has ended */
};

struct script *script_of(lua_State *L);
/* Keeps the value at the top, and pops it. May raise for want of memory. */
int script_hold(struct script *script, lua_State *L);
/* Keeps the table at index 1 in place of what is held there. Raises. */
void script_hold_table(struct script *script, lua_State *L, int *held);
void script_push_held(struct script *script, lua_State *L, int held);
void script_release(struct script *script, int held);
/* A field of the table at the top. */
void script_set_text(lua_State *L, const char *field, struct slice text);

#endif
