/*
 * crypto - what Lua needs to check who somebody is, and to give out names that
 * nobody can guess.
 */
#include "base/random.h"
#include "internal.h"
#include "proto/hmac.h"

enum { MOST_RANDOM = 1024 };

static struct slice check_slice(lua_State *L, int index) {
  size_t length;
  const char *at = luaL_checklstring(L, index, &length);
  return (struct slice){at, length};
}

/* core.hmacSha256(key, message) */
int crypto_hmac_sha256(lua_State *L) {
  struct slice key = check_slice(L, 1), message = check_slice(L, 2);
  uint8_t mac[HMAC_SHA256_SIZE];
  if (!hmac_sha256(key, message, mac)) return luaL_error(L, "out of memory");
  lua_pushlstring(L, (const char *)mac, sizeof mac);
  return 1;
}

/* core.randomBytes(count) */
int crypto_random_bytes(lua_State *L) {
  uint8_t bytes[MOST_RANDOM];
  lua_Number count = luaL_checknumber(L, 1);
  luaL_argcheck(L, count >= 1 && count <= MOST_RANDOM && count == (int)count, 1,
                "it must be a whole number from 1 to 1024");
  if (!random_bytes(bytes, (size_t)count)) {
    return luaL_error(L, "the system has no random numbers to give");
  }
  lua_pushlstring(L, (const char *)bytes, (size_t)count);
  return 1;
}
