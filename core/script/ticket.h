/*
 * ticket - a Lua value that stands for one wait: who has it can end the wait.
 */
#ifndef RATCHET_SCRIPT_TICKET_H
#define RATCHET_SCRIPT_TICKET_H

#include <lua.h>

struct waiter;

/* Owned by Lua. Emptied when its wait is over. */
struct ticket {
  struct waiter *waiter;
};

/* Raises unless a ticket is at that index. */
struct ticket *ticket_check(lua_State *L, int index);
/* core.ticket and core.wake; `begin` is what core.wait does first. */
int ticket_new(lua_State *L);
int ticket_begin(lua_State *L);
int ticket_wake(lua_State *L);

#endif
