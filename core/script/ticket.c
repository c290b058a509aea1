/*
 * ticket - a Lua value that stands for one wait: who has it can end the wait.
 * The functions of ratchet.core that everything that waits is built on.
 */
#include "ticket.h"

#include "state.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>

/* What a coroutine has room for at any time. */
enum { MOST_VALUES = 16 };

static const char ticket_name[] = "ratchet.Ticket";

static int ticket_gc(lua_State *L) {
  struct ticket *ticket = lua_touserdata(L, 1);
  struct waiter *waiter = ticket->waiter;
  /* One that a time ends too goes on by that. */
  if (waiter && !clock_has(&waiter->alarm)) waiter_end(waiter, WAIT_LOST);
  if (ticket->waiter) ticket->waiter->ticket = NULL;
  ticket->waiter = NULL;
  return 0;
}

struct ticket *ticket_check(lua_State *L, int index) {
  return luaL_checkudata(L, index, ticket_name);
}

int ticket_new(lua_State *L) {
  struct ticket *ticket = lua_newuserdata(L, sizeof *ticket);
  ticket->waiter = NULL;
  if (luaL_newmetatable(L, ticket_name)) {
    lua_pushcfunction(L, ticket_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return 1;
}

/* begin(ticket [, seconds]): from here on the caller waits; it yields next. */
int ticket_begin(lua_State *L) {
  struct ticket *ticket = ticket_check(L, 1);
  double seconds = lua_isnoneornil(L, 2) ? -1 : wait_check_seconds(L, 2);
  if (ticket->waiter) return luaL_error(L, "this ticket is in use");
  struct waiter *waiter = wait_begin(script_of(L), L);
  waiter->is_waiting = true;
  waiter->ticket = ticket;
  ticket->waiter = waiter;
  if (seconds >= 0) wait_until(waiter, seconds);
  return 0;
}

/* wake(ticket, ...): the handler goes on at the end of this turn. False when
 * nothing waits for it (any more). */
int ticket_wake(lua_State *L) {
  struct ticket *ticket = ticket_check(L, 1);
  struct waiter *waiter = ticket->waiter;
  if (!waiter) {
    lua_pushboolean(L, 0);
    return 1;
  }
  int arguments = lua_gettop(L) - 1;
  if (arguments > MOST_VALUES) {
    return luaL_error(L, "wake passes %d values at most", MOST_VALUES);
  }
  lua_xmove(L, waiter->co.L, arguments);
  waiter_wake(waiter, arguments);
  lua_pushboolean(L, 1);
  return 1;
}
