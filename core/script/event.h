/*
 * event - an event of a connection as one run of user code.
 */
#ifndef RATCHET_SCRIPT_EVENT_H
#define RATCHET_SCRIPT_EVENT_H

#include "base/slice.h"
#include "coroutine.h"

#include <stdbool.h>

struct connection;
struct script;
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

#endif
