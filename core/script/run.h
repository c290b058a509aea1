/*
 * run - whose code is running. Lua is entered by it (call.h), and what is asked
 * of the state meanwhile is asked for it: who waits, whose messages these are.
 */
#ifndef RATCHET_SCRIPT_RUN_H
#define RATCHET_SCRIPT_RUN_H

#include <lua.h>
#include <stdint.h>

struct connection;
struct event;
struct task;

/* Lives on the C stack while its code runs. */
struct run {
  lua_State *co;
  const char *what;        /* as the watchdog names it: "onMessage" */
  struct connection *conn; /* whose event is handled, or NULL */
  struct event *event;     /* that one */
  struct task *task;       /* or NULL; with neither: the app file is loaded */
  uint32_t version;        /* of that code */
};

#endif
