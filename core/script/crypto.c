/*
 * crypto - what Lua needs to check who somebody is, and to give out names that
 * nobody can guess. Each takes and returns strings of bytes.
 */
#include "crypto.h"

#include "base/random.h"
#include "proto/digest.h"
#include "proto/hmac.h"
#include "proto/signature.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>

enum { MOST_RANDOM = 1024 };

static struct slice check_slice(lua_State *L, int index) {
  size_t length;
  const char *at = luaL_checklstring(L, index, &length);
  return (struct slice){at, length};
}

/* core.hmacSha256(key, message) */
static int crypto_hmac_sha256(lua_State *L) {
  struct slice key = check_slice(L, 1), message = check_slice(L, 2);
  uint8_t mac[HMAC_SHA256_SIZE];
  if (!hmac_sha256(key, message, mac)) return luaL_error(L, "out of memory");
  lua_pushlstring(L, (const char *)mac, sizeof mac);
  return 1;
}

/* core.randomBytes(count) */
static int crypto_random_bytes(lua_State *L) {
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

/* core.sha256(data) */
static int crypto_sha256(lua_State *L) {
  uint8_t digest[SHA256_SIZE];
  if (!digest_sha256(check_slice(L, 1), digest)) {
    return luaL_error(L, "out of memory");
  }
  lua_pushlstring(L, (const char *)digest, sizeof digest);
  return 1;
}

/* core.constantTimeEquals(a, b) */
static int crypto_equals(lua_State *L) {
  struct slice a = check_slice(L, 1), b = check_slice(L, 2);
  lua_pushboolean(L, digest_equals(a, b));
  return 1;
}

/* ---- signatures */

static enum signature_kind check_kind(lua_State *L) {
  static const char *const names[] = {"RS256", "ES256", NULL};
  return luaL_checkoption(L, 1, NULL, names) == 0 ? SIGNATURE_RS256
                                                  : SIGNATURE_ES256;
}

/* Lua ends its strings with the NUL that mbedTLS wants counted. */
static struct slice check_pem(lua_State *L) {
  struct slice pem = check_slice(L, 2);
  pem.length++;
  return pem;
}

static int push_failure(lua_State *L, int status, const char *which) {
  lua_pushnil(L);
  if (status == -EINVAL)
    lua_pushfstring(L, "this is no %s key in PEM", which);
  else if (status == -ENOTSUP)
    lua_pushliteral(L, "this key is not for that algorithm: RS256 takes RSA of "
                       "2048 bits or more, ES256 the curve P-256");
  else
    lua_pushliteral(L, "the signature could not be computed");
  return 2;
}

/* core.sign(algorithm, privateKey, data) */
static int crypto_sign(lua_State *L) {
  uint8_t signature[SIGNATURE_MAX];
  size_t length;
  enum signature_kind kind = check_kind(L);
  struct slice pem = check_pem(L);
  int status = signature_sign(kind, pem, check_slice(L, 3), signature, &length);
  if (status != 0) return push_failure(L, status, "private");
  lua_pushlstring(L, (const char *)signature, length);
  return 1;
}

/* core.verify(algorithm, publicKey, data, signature) */
static int crypto_verify(lua_State *L) {
  bool is_right;
  enum signature_kind kind = check_kind(L);
  struct slice pem = check_pem(L);
  struct slice data = check_slice(L, 3);
  int status = signature_verify(kind, pem, data, check_slice(L, 4), &is_right);
  if (status != 0) return push_failure(L, status, "public");
  lua_pushboolean(L, is_right);
  return 1;
}

const luaL_Reg crypto_functions[] = {
    {"constantTimeEquals", crypto_equals},
    {"hmacSha256", crypto_hmac_sha256},
    {"randomBytes", crypto_random_bytes},
    {"sha256", crypto_sha256},
    {"sign", crypto_sign},
    {"verify", crypto_verify},
    {NULL, NULL},
};
