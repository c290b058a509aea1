/*
 * service - what the connections of a listener are given to: a function of Lua,
 * or a component; and how long that lives.
 */
#ifndef RATCHET_SCRIPT_SERVICE_H
#define RATCHET_SCRIPT_SERVICE_H

#include "base/list.h"
#include "net/tls_server.h"
#include "server/endpoint.h"

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct listener;
struct script;
struct transport;

/* Owned by the script. Connections refer to it until they end: one whose
 * listener is closed, or is another's by now, is freed when none does. */
struct script_service {
  struct service base;
  struct list link;
  struct script *script;
  struct listener *listener;
  struct tls_server *tls; /* NULL: it is not over TLS */
  uint64_t id;            /* Lua's name for the listener */
  int handle;             /* held: the function, or LUA_NOREF on a raw one */
};

/* A service as the table at 1 has it, without a listener yet. From here on the
 * script owns it, whatever is raised. */
struct script_service *service_new(lua_State *L);
/* Its TLS, if the table at 1 asks for any. False, with a message, when that
 * cannot be had. Raises at what makes no sense. */
bool service_secure(struct script_service *service, lua_State *L,
                    char error[TLS_ERROR_MAX]);
/* One that nobody uses. */
void service_drop(struct script_service *service);
/* Frees those that nobody uses any more. */
void services_free_unused(struct script *script);

/* For its listener, whose owner it is: somebody has come. */
void service_accept(void *owner, struct transport *transport);
/* That of the listener which Lua knows by that number, or NULL. */
struct script_service *service_find(const struct script *script, uint64_t id);
/* Has a listener that descriptor? */
bool services_have_descriptor(const struct script *script, int fd);

/* Closes the listeners; nobody is connected to them any more. */
void services_forget(struct script *script);
/* What they have of Lua's goes before the state, and they behind it. */
void services_release(struct script *script);
void services_free(struct script *script);

#endif
