/*
 * answer - what another server answered, as Lua knows it.
 */
#ifndef RATCHET_SCRIPT_ANSWER_H
#define RATCHET_SCRIPT_ANSWER_H

#include "base/slice.h"

#include <lauxlib.h>
#include <lua.h>

struct http_answer;
struct script;

/* Pushes the table that Lua knows as an answer. May raise. */
void answer_push(struct script *script, lua_State *L,
                 const struct http_answer *answer, struct slice body);

extern const luaL_Reg answer_functions[]; /* of ratchet.core */

#endif
