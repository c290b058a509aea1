/*
 * coroutine - the pool of coroutines that user code runs in, and an event on
 * its way into one.
 */
#ifndef RATCHET_SCRIPT_COROUTINE_H
#define RATCHET_SCRIPT_COROUTINE_H

#include <lua.h>
#include <stdbool.h>

struct event;
struct script;

/* Of the pool while it is idle, else of whoever took it. */
struct coroutine {
  lua_State *L;
  int held;
};

enum {
  COROUTINE_SLOTS = 1,   /* used at the bottom of each */
  COROUTINES_KEPT = 256, /* while they are idle */
};

void coroutine_set_up(struct script *script, lua_State *L);
/* False when there is no memory. */
bool coroutine_take(struct script *script, struct coroutine *co);
void coroutine_give(struct script *script, struct coroutine co);
/* Pushes what the event runs, with its arguments; returns how many those are.
 */
int coroutine_push_event(struct script *script, lua_State *co,
                         const struct event *event);

#endif
