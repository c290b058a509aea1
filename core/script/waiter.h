/*
 * waiter - a coroutine that is suspended, and what ends its wait.
 */
#ifndef RATCHET_SCRIPT_WAITER_H
#define RATCHET_SCRIPT_WAITER_H

#include "base/list.h"
#include "coroutine.h"
#include "net/clock.h"
#include "run.h"

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct script;
struct strand;
struct ticket;

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

#endif
