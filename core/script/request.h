/*
 * request - requests on their way to Lua, and what is decided on them.
 */
#ifndef RATCHET_SCRIPT_REQUEST_H
#define RATCHET_SCRIPT_REQUEST_H

#include "proto/http_head.h"

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

struct connection;
struct script;

/* Pushes the table that Lua knows as a request. May raise. */
void request_push(struct script *script, lua_State *L, struct connection *conn,
                  const struct http_head *head);
/* Carries out what the listener's function returned: four values on `co`, from
 * `first` on. */
void request_decided(struct script *script, lua_State *co, int first,
                     struct connection *conn, int request);
void request_failed(struct connection *conn);
/* Pushes the list name, value, name, value, ... May raise. */
void request_push_headers(lua_State *L, const struct http_header *headers,
                          size_t count);

extern const luaL_Reg request_functions[]; /* of ratchet.core */

#endif
