/*
 * ticket - a Lua value that stands for one wait: who has it can end the wait.
 * The functions of ratchet.core that everything that waits is built on.
 */
#include "internal.h"

/* What a coroutine has room for at any time. */
enum { MOST_VALUES = 16 };

static const char ticket_name[] = "ratchet.Ticket";

static int ticket_gc(lua_State *L) {
  struct ticket *ticket = lua_touserdata(L, 1);
  if (ticket->strand) strand_lose_ticket(ticket->strand);
  ticket->strand = NULL;
  return 0;
}

int ticket_new(lua_State *L) {
  struct ticket *ticket = lua_newuserdata(L, sizeof *ticket);
  ticket->strand = NULL;
  if (luaL_newmetatable(L, ticket_name)) {
    lua_pushcfunction(L, ticket_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return 1;
}

/* canWait(): what is about to have an effect asks before. */
int ticket_can_wait(lua_State *L) {
  lua_pushboolean(L, script_of(L)->running == L);
  return 1;
}

/* wait(ticket) returns what wake was given. */
int ticket_wait(lua_State *L) {
  struct script *script = script_of(L);
  struct ticket *ticket = luaL_checkudata(L, 1, ticket_name);
  if (ticket->strand) return luaL_error(L, "this ticket is in use");
  if (script->running != L) {
    return luaL_error(L, "only a handler can wait, and not from inside a "
                         "coroutine of its own");
  }
  script->wait_ticket = ticket;
  lua_settop(L, 1); /* yielded, so that it is there until the wait has begun */
  return lua_yield(L, 1);
}

/* wake(ticket, ...): the handler goes on at the end of this turn. False when
 * nothing waits for it (any more). */
int ticket_wake(lua_State *L) {
  struct ticket *ticket = luaL_checkudata(L, 1, ticket_name);
  struct strand *strand = ticket->strand;
  if (!strand) {
    lua_pushboolean(L, 0);
    return 1;
  }
  int arguments = lua_gettop(L) - 1;
  if (arguments > MOST_VALUES) {
    return luaL_error(L, "wake passes %d values at most", MOST_VALUES);
  }
  ticket->strand = NULL;
  strand_wake(strand, L, arguments);
  lua_pushboolean(L, 1);
  return 1;
}
