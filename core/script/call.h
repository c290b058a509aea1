/*
 * call - the only ways from C into Lua. User code runs in a pooled coroutine
 * (script_resume), C work that may raise runs in script_protect; nothing that
 * is raised there crosses them.
 */
#ifndef RATCHET_SCRIPT_CALL_H
#define RATCHET_SCRIPT_CALL_H

#include "run.h"

#include <lua.h>
#include <stdbool.h>

struct script;

/* Runs `work` with `argument` as its only, light, value; an error is logged as
 * `what` and costs nothing else. False after one. */
bool script_protect(struct script *script, lua_CFunction work, void *argument,
                    const char *what);
/* The same for a function in the registry, which saves making a closure. */
bool script_protect_prepared(struct script *script, int prepared,
                             void *argument, const char *what);
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

#endif
