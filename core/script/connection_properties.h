/*
 * connection_properties - what an app can ask of a connection.
 */
#ifndef RATCHET_SCRIPT_CONNECTION_PROPERTIES_H
#define RATCHET_SCRIPT_CONNECTION_PROPERTIES_H

#include <lua.h>

struct connection_object;

struct connection_property {
  const char *name;
  /* Returns how many values it has pushed: one, or none for nil. The object is
   * at 1. */
  int (*push)(lua_State *L, struct connection_object *object);
};

/* Ends with one that has no name. */
extern const struct connection_property connection_properties[];

#endif
