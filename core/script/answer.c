/*
 * answer - what another server answered, as Lua knows it: to a request that it
 * was asked by core.caller, or to a handshake.
 */
#include "answer.h"

#include "proto/http_answer.h"
#include "request.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

void answer_push(struct script *script, lua_State *L,
                 const struct http_answer *answer, struct slice body) {
  luaL_checkstack(L, 6, "answer");
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, answer->status);
  lua_setfield(L, -2, "status");
  script_set_text(L, "reason", answer->phrase);
  lua_pushfstring(L, "%d.%d", answer->head.major, answer->head.minor);
  lua_setfield(L, -2, "version");
  request_push_headers(L, answer->head.headers, answer->head.count);
  lua_setfield(L, -2, "rawHeaders");
  script_set_text(L, "body", body);
  if (script->answer_metatable == LUA_NOREF) return;
  script_push_held(script, L, script->answer_metatable);
  lua_setmetatable(L, -2);
}

/* The metatable of the answer tables that C makes from here on. */
static int answer_set_metatable(lua_State *L) {
  struct script *script = script_of(L);
  script_hold_table(script, L, &script->answer_metatable);
  return 0;
}

const luaL_Reg answer_functions[] = {
    {"answerMetatable", answer_set_metatable},
    {NULL, NULL},
};
