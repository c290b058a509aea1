/*
 * endpoint - a component as the server sees it.
 */
#ifndef RATCHET_SCRIPT_ENDPOINT_H
#define RATCHET_SCRIPT_ENDPOINT_H

#include "server/connection.h"
#include "server/endpoint.h"

#include <lauxlib.h>
#include <lua.h>

struct script;

/* Counted by its base; Lua has one reference, each connection another. */
struct script_endpoint {
  struct endpoint base;
  struct script *script;
  int component;    /* held */
  uint32_t version; /* of the code it was left with; 0: the app's */
};

/* Of a connection that has an endpoint. */
static inline struct script *script_of_connection(struct connection *conn) {
  return ((struct script_endpoint *)conn->endpoint)->script;
}

void script_open_endpoint(lua_State *L);
/* The endpoint at that index, or NULL. */
struct script_endpoint *script_to_endpoint(lua_State *L, int index);

extern const luaL_Reg endpoint_functions[]; /* of ratchet.core */

#endif
