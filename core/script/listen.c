/*
 * listen - core.listen: addresses that come, go and change while others are
 * served, and sockets that another program has opened and handed over.
 */
#include "listen.h"

#include "base/log.h"
#include "net/handed.h"
#include "net/listener.h"
#include "net/tls_server.h"
#include "server/server.h"
#include "service.h"
#include "service_options.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

/* The server's limit is the lowest that any listener asks for. */
static void lower_limit(struct server *server, size_t most) {
  if (most > 0 && most < server->max_connections) {
    server->max_connections = most;
  }
}

static int open_tcp(lua_State *L, struct script *script,
                    struct script_service *service) {
  const char *host = service_text(L, "address", "127.0.0.1");
  int port = service_integer(L, "port", 0);
  unsigned options = 0;
  lua_getfield(L, 1, "ipv6Only");
  if (lua_toboolean(L, -1)) options |= LISTENER_SIX_ONLY;
  lua_getfield(L, 1, "reusePort");
  if (lua_toboolean(L, -1)) options |= LISTENER_SHARED;
  lua_pop(L, 2);
  return listener_open_tcp(script->loop, host, port, options, service_accept,
                           service, &service->listener);
}

static int open_listener(lua_State *L, struct script *script,
                         struct script_service *service) {
  const char *path = service_text(L, "path", NULL);
  int fd = service_integer(L, "fd", -1);
  if (fd >= 0) {
    /* Given once: a second owner would close it under the first. */
    if (services_have_descriptor(script, fd)) return UV_EEXIST;
    return listener_open_descriptor(script->loop, fd, service_accept, service,
                                    &service->listener);
  }
  if (!path) return open_tcp(L, script, service);
  return listener_open_pipe(script->loop, path, service_integer(L, "mode", -1),
                            service_accept, service, &service->listener);
}

static int push_failure(lua_State *L, int error) {
  lua_pushnil(L);
  lua_pushstring(L, uv_strerror(error));
  lua_pushstring(L, uv_err_name(error));
  return 3;
}

/* Sets the fields address and port, or path, of the table on the top. */
static void set_bound(lua_State *L, const struct bound *bound) {
  char address[ADDRESS_TEXT_MAX];
  if (bound->address.family == 0) {
    script_set_text(L, "path", slice_of(bound->path));
    return;
  }
  address_format(&bound->address, address);
  script_set_text(L, "address", slice_of(address));
  lua_pushinteger(L, bound->address.port);
  lua_setfield(L, -2, "port");
}

/* A name that was asked for is kept as it is. */
static int push_listener(lua_State *L, const struct script_service *service) {
  struct bound bound = listener_bound(service->listener);
  lua_createtable(L, 0, 3);
  set_bound(L, &bound);
  lua_pushnumber(L, (lua_Number)service->id);
  lua_setfield(L, -2, "id");
  if (bound.address.family == 0) return 1;
  lua_getfield(L, 1, "address");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
  } else {
    lua_setfield(L, -2, "address");
  }
  return 1;
}

/* As push_failure; false when it has none to push. */
static bool fails_to_secure(lua_State *L, struct script_service *service) {
  char error[TLS_ERROR_MAX];
  if (service_secure(service, L, error)) return false;
  lua_pushnil(L);
  lua_pushstring(L, error);
  lua_pushliteral(L, "TLS");
  return true;
}

static int script_listen(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t most = service_read_most(L);
  struct script_service *service = service_new(L);
  bool is_insecure = fails_to_secure(L, service);
  int error = is_insecure ? 0 : open_listener(L, script, service);
  if (!error && !is_insecure) {
    service->id = ++script->last_listener;
    lower_limit(script->server, most);
    return push_listener(L, service);
  }
  service_drop(service);
  return is_insecure ? 3 : push_failure(L, error);
}

static struct script_service *check_listener(lua_State *L, int index) {
  uint64_t id = (uint64_t)luaL_checknumber(L, index);
  struct script_service *service = service_find(script_of(L), id);
  if (!service) luaL_argerror(L, index, "no listener has this id");
  return service;
}

/* unlisten(id) */
static int script_unlisten(lua_State *L) {
  struct script_service *service = check_listener(L, 1);
  listener_close(service->listener);
  service->listener = NULL;
  services_free_unused(service->script);
  return 0;
}

/* serve(id, options): what is accepted from here on is served so; without an id
 * the options are only looked at. */
static int script_serve(lua_State *L) {
  struct script *script = script_of(L);
  struct script_service *before = NULL;
  if (!lua_isnil(L, 1)) before = check_listener(L, 1);
  lua_remove(L, 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t most = service_read_most(L);
  struct script_service *service = service_new(L);
  if (fails_to_secure(L, service)) {
    services_free_unused(script);
    return 3;
  }
  if (before) {
    service->listener = before->listener;
    service->id = before->id;
    before->listener = NULL;
    listener_give(service->listener, service);
    lower_limit(script->server, most);
  }
  services_free_unused(script);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- sockets that were handed over */

void script_push_handed(lua_State *L) {
  struct bound bound;
  lua_newtable(L);
  int count = handed_count();
  for (int i = 0; i < count; i++) {
    if (bound_of(HANDED_FIRST + i, &bound) != 0) continue;
    lua_createtable(L, 0, 4);
    set_bound(L, &bound);
    script_set_text(L, "name", handed_name(i));
    lua_pushinteger(L, HANDED_FIRST + i);
    lua_setfield(L, -2, "fd");
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
  }
}

void script_report_handed(const struct script *script) {
  struct bound bound;
  int count = handed_count();
  for (int i = 0; i < count; i++) {
    int fd = HANDED_FIRST + i;
    if (bound_of(fd, &bound) != 0 || services_have_descriptor(script, fd))
      continue;
    struct slice name = handed_name(i);
    log_printf(LOG_WARN,
               "descriptor %d (%.*s) was handed over, and the app does not "
               "listen on it",
               fd, (int)name.length, name.at);
  }
}

const luaL_Reg listen_functions[] = {
    {"listen", script_listen},
    {"serve", script_serve},
    {"unlisten", script_unlisten},
    {NULL, NULL},
};
