/*
 * task - functions that run by themselves.
 */
#ifndef RATCHET_SCRIPT_TASK_H
#define RATCHET_SCRIPT_TASK_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

struct script;
struct task;
struct timer;
struct waiter;

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
int task_spawn(lua_State *L); /* core.spawn */

#endif
