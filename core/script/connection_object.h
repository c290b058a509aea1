/*
 * connection_object - the connection as Lua sees it.
 */
#ifndef RATCHET_SCRIPT_CONNECTION_OBJECT_H
#define RATCHET_SCRIPT_CONNECTION_OBJECT_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct connection;
struct script;

/* Owned by Lua; borrows the connection. Emptied when the connection has told
 * its last event. */
struct connection_object {
  const void *kind;        /* tells it from other userdata of its size */
  struct connection *conn; /* NULL: dead */
  uint64_t id : 63;
  bool has_fields : 1; /* its environment is a table of the app's fields */
};

void connection_object_open(lua_State *L);
/* Makes the connection's object. False when there is no memory. */
bool connection_object_make(struct script *script, struct connection *conn);
void connection_object_push(struct script *script, lua_State *L,
                            struct connection *conn);
/* The connection is gone; scripts may keep the object for ever. */
void connection_object_empty(struct script *script, struct connection *conn);
struct connection_object *connection_object_to(lua_State *L, int index);
/* Sets a field of the app's: name and value are at the top, and popped; the
 * object is at 1. */
void connection_object_set(lua_State *L, struct connection_object *object);
/* Keeps the request at the top as conn.httpRequest, if the app has written to
 * it or in any case. Pops it. May raise. */
void connection_object_keep_request(struct script *script, lua_State *L,
                                    struct connection *conn, bool always);

#endif
