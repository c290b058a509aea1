/*
 * timer - a function that is called at a time, once or again and again.
 */
#ifndef RATCHET_SCRIPT_TIMER_H
#define RATCHET_SCRIPT_TIMER_H

#include <lua.h>

struct list;
struct timer;

/* Pushes what it calls and its arguments; returns how many those are. */
int timer_push(struct timer *timer, lua_State *co);
/* What it called has ended. */
void timer_done(struct timer *timer);
void timer_cancel(struct timer *timer);
void timers_cancel(struct list *timers);
void timer_open(lua_State *L);
int timer_new(lua_State *L);

#endif
