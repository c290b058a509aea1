/*
 * source - a body that comes piece by piece, out of a Lua function.
 */
#ifndef RATCHET_SCRIPT_SOURCE_H
#define RATCHET_SCRIPT_SOURCE_H

#include <lua.h>

struct answer_source;
struct connection;
struct script;

/* Of the functions at two indices, the second of which may be nil. `made` is
 * the caller's as soon as it is not NULL, also when this raises. */
void source_new(struct script *script, lua_State *L, int next, int over,
                struct answer_source **made);
/* Carries out what its function returned. */
void source_returned(lua_State *co, int index, struct connection *conn);

#endif
