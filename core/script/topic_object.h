/*
 * topic_object - a topic as Lua sees it.
 */
#ifndef RATCHET_SCRIPT_TOPIC_OBJECT_H
#define RATCHET_SCRIPT_TOPIC_OBJECT_H

#include <lua.h>

struct script;

/* Before the prelude, which tells topics of a connection's end. Raises. */
void topics_set_up(struct script *script, lua_State *L);
void topic_object_open(lua_State *L);
int topic_object_get(lua_State *L);

#endif
