/*
 * secure - what Lua says of TLS.
 */
#ifndef RATCHET_SCRIPT_SECURE_H
#define RATCHET_SCRIPT_SECURE_H

#include "net/dial.h"
#include "net/tls_server.h"

#include <lua.h>

struct script;

/* The TLS that the field `tls` of the table at 1 asks for; NULL when it asks
 * for none, or, with a message in `error`, when it cannot be had. Raises at
 * what makes no sense. */
struct tls_server *secure_read(lua_State *L, struct script *script,
                               char error[TLS_ERROR_MAX]);

/* Sets what `secure`, `ca`, `serverName` and `insecure` of the table at that
 * index say; the strings stay alive in it. Raises. */
void secure_read_target(lua_State *L, int index, struct dial_target *target);

#endif
