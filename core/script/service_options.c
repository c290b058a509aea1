/*
 * service_options - what core.listen and core.serve are told of a listener.
 */
#include "service_options.h"

#include "base/mem.h"

#include <lauxlib.h>
#include <lua.h>

int service_integer(lua_State *L, const char *name, int otherwise) {
  lua_getfield(L, 1, name);
  int value = otherwise;
  if (!lua_isnil(L, -1)) {
    if (!lua_isnumber(L, -1)) luaL_error(L, "%s must be a number", name);
    value = (int)lua_tointeger(L, -1);
  }
  lua_pop(L, 1);
  return value;
}

const char *service_text(lua_State *L, const char *name,
                         const char *otherwise) {
  lua_getfield(L, 1, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "%s must be a string", name);
    }
    otherwise = lua_tostring(L, -1);
  }
  lua_pop(L, 1);
  return otherwise;
}

/* Seconds in Lua, milliseconds in C. */
static uint32_t header_timeout(lua_State *L) {
  lua_getfield(L, 1, "headerTimeout");
  double seconds = luaL_optnumber(L, -1, SERVICE_HEADER_TIMEOUT / 1000.0);
  lua_pop(L, 1);
  if (!(seconds > 0 && seconds <= 86400)) {
    luaL_error(L, "headerTimeout must be more than 0 seconds");
  }
  return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static size_t max_header_size(lua_State *L) {
  int size = service_integer(L, "maxHeaderSize", SERVICE_MAX_HEADER_SIZE);
  if (size < 256) luaL_error(L, "maxHeaderSize must be 256 bytes or more");
  return (size_t)size;
}

static size_t max_body_size(lua_State *L) {
  int size = service_integer(L, "maxBodySize", SERVICE_MAX_BODY_SIZE);
  if (size < 0) luaL_error(L, "maxBodySize must be 0 bytes or more");
  return (size_t)size;
}

static bool has_proxy_header(lua_State *L) {
  lua_getfield(L, 1, "proxyProtocol");
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) {
    luaL_error(L, "proxyProtocol must be true or false");
  }
  bool is_wanted = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_wanted;
}

size_t service_read_most(lua_State *L) {
  int most = service_integer(L, "maxConnections", 0);
  lua_getfield(L, 1, "maxConnections");
  if (most < 0 || (most == 0 && !lua_isnil(L, -1))) {
    luaL_error(L, "maxConnections must be 1 or more");
  }
  lua_pop(L, 1);
  return (size_t)most;
}

static uint32_t max_per_address(lua_State *L) {
  int most = service_integer(L, "maxConnectionsPerAddress", 0);
  if (most < 0) luaL_error(L, "maxConnectionsPerAddress must be 0 or more");
  return (uint32_t)most;
}

/* The entry at the top of the stack; pops it. */
static struct network network_at_top(lua_State *L) {
  struct network network;
  struct slice text = {NULL, 0};
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "trustedProxies must be a list of strings");
  }
  text.at = lua_tolstring(L, -1, &text.length);
  if (!network_parse(text, &network)) {
    luaL_error(L,
               "trustedProxies: \"%s\" is neither an address nor a network, "
               "such as \"127.0.0.1\", \"10.0.0.0/8\" or \"fd00::/8\"",
               text.at);
  }
  lua_pop(L, 1);
  return network;
}

void service_read_trusted(lua_State *L, struct networks *trusted) {
  lua_getfield(L, 1, "trustedProxies");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, -1)) luaL_error(L, "trustedProxies must be a list");
  size_t count = lua_objlen(L, -1);
  if (count > 0) trusted->list = mem_alloc(count * sizeof *trusted->list);
  if (count > 0 && !trusted->list) {
    luaL_error(L, "out of memory");
    return;
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    trusted->list[i] = network_at_top(L);
    trusted->count = i + 1;
  }
  lua_pop(L, 1);
}

struct service service_read_options(lua_State *L) {
  return (struct service){
      .header_timeout = header_timeout(L),
      .max_header_size = max_header_size(L),
      .max_body_size = max_body_size(L),
      .max_per_address = max_per_address(L),
      .has_proxy_header = has_proxy_header(L),
  };
}
