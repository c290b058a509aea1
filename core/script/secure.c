/*
 * secure - what Lua says of TLS: a listener's table `tls`, and the fields of a
 * target that is connected to.
 */
#include "secure.h"

#include "base/mem.h"
#include "net/dial.h"
#include "net/tls_server.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

enum { PAIRS_MOST = 1000 };

/* A string field of the table at the top, which keeps it alive. */
static const char *text_of(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "tls: %s must be a string", name);
  }
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}

static bool flag_of(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  bool is_set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_set;
}

static bool is_text(lua_State *L, const char *name, const char *wanted) {
  const char *text = text_of(L, name);
  return text && strcmp(text, wanted) == 0;
}

static struct tls_pair pair_of(lua_State *L) {
  if (!lua_istable(L, -1)) luaL_error(L, "tls: sni must be a list of tables");
  struct tls_pair pair = {text_of(L, "cert"), text_of(L, "key"),
                          text_of(L, "passphrase")};
  if (!pair.certificate) luaL_error(L, "tls: cert is missing");
  return pair;
}

/* The pairs live in a userdata that is left below the table. */
static void read_pairs(lua_State *L, struct tls_server_options *options) {
  lua_getfield(L, -1, "sni");
  size_t more = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
  if (more > PAIRS_MOST) luaL_error(L, "tls: sni has too many entries");
  struct tls_pair *pairs = lua_newuserdata(L, (more + 1) * sizeof *pairs);
  lua_insert(L, -3);
  lua_pushvalue(L, -2);
  pairs[0] = pair_of(L);
  lua_pop(L, 1);
  for (size_t i = 1; i <= more; i++) {
    lua_rawgeti(L, -1, (int)i);
    pairs[i] = pair_of(L);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  options->pairs = pairs;
  options->count = more + 1;
}

void secure_read_target(lua_State *L, int index, struct dial_target *target) {
  lua_pushvalue(L, index);
  target->is_secure = flag_of(L, "secure");
  target->tls.ca = text_of(L, "ca");
  target->tls.is_insecure = flag_of(L, "insecure");
  target->server_name = text_of(L, "serverName");
  lua_pop(L, 1);
}

struct tls_server *secure_read(lua_State *L, struct script *script,
                               char error[TLS_ERROR_MAX]) {
  struct tls_server_options options = {0};
  int top = lua_gettop(L);
  luaL_checkstack(L, 8, "tls");
  lua_getfield(L, 1, "tls");
  *error = '\0';
  if (!lua_toboolean(L, -1)) {
    lua_settop(L, top);
    return NULL;
  }
  if (!lua_istable(L, -1)) luaL_error(L, "tls must be a table");
  options.profile =
      is_text(L, "profile", "modern") ? TLS_MODERN : TLS_INTERMEDIATE;
  options.lowest = is_text(L, "minVersion", "1.3") ? TLS_1_3 : TLS_1_2;
  options.client_ca = text_of(L, "clientCa");
  options.requires_client = flag_of(L, "requireClientCert");
  if (!flag_of(L, "selfSigned")) read_pairs(L, &options);
  struct tls_server *server = tls_server_new(script->loop, &options, error);
  lua_settop(L, top);
  return server;
}
