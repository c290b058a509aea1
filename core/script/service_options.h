/*
 * service_options - what core.listen and core.serve are told of a listener, out
 * of the table at 1. Each raises at what makes no sense.
 */
#ifndef RATCHET_SCRIPT_SERVICE_OPTIONS_H
#define RATCHET_SCRIPT_SERVICE_OPTIONS_H

#include "server/endpoint.h"

#include <lua.h>
#include <stddef.h>

/* Numbers and switches; nothing that is owned. */
struct service service_read_options(lua_State *L);
/* The service owns what has been read, whatever is raised. */
void service_read_trusted(lua_State *L, struct networks *trusted);
/* Of the whole server; 0: not given. */
size_t service_read_most(lua_State *L);

int service_integer(lua_State *L, const char *name, int otherwise);
/* The string stays alive in the table. */
const char *service_text(lua_State *L, const char *name, const char *otherwise);

#endif
