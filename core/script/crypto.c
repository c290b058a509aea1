/*
 * crypto - the few functions of cryptography that Lua needs: digests, random
 * bytes, signatures. Each takes and returns strings of bytes.
 */
#include "base/random.h"
#include "internal.h"
#include "proto/digest.h"
#include "proto/signature.h"

#include <errno.h>

enum { MOST_RANDOM = 1024 };

static struct slice check_bytes(lua_State *L, int index) {
  struct slice bytes;
  luaL_checktype(L, index, LUA_TSTRING);
  bytes.at = lua_tolstring(L, index, &bytes.length);
  return bytes;
}

static int push_digest(lua_State *L, int status, const uint8_t *digest) {
  if (status != 0) return luaL_error(L, "out of memory");
  lua_pushlstring(L, (const char *)digest, DIGEST_SIZE);
  return 1;
}

int crypto_sha256(lua_State *L) {
  uint8_t digest[DIGEST_SIZE];
  return push_digest(L, digest_sha256(check_bytes(L, 1), digest), digest);
}

int crypto_hmac_sha256(lua_State *L) {
  uint8_t digest[DIGEST_SIZE];
  struct slice key = check_bytes(L, 1);
  return push_digest(L, digest_hmac_sha256(key, check_bytes(L, 2), digest),
                     digest);
}

int crypto_random_bytes(lua_State *L) {
  uint8_t bytes[MOST_RANDOM];
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count >= 0 && count <= MOST_RANDOM, 1, "0 to 1024");
  if (!random_bytes(bytes, (size_t)count)) {
    return luaL_error(L, "the system has no random bytes");
  }
  lua_pushlstring(L, (const char *)bytes, (size_t)count);
  return 1;
}

int crypto_equals(lua_State *L) {
  struct slice a = check_bytes(L, 1);
  lua_pushboolean(L, digest_equals(a, check_bytes(L, 2)));
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
  struct slice pem = check_bytes(L, 2);
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

int crypto_sign(lua_State *L) {
  uint8_t signature[SIGNATURE_MAX];
  size_t length;
  enum signature_kind kind = check_kind(L);
  struct slice pem = check_pem(L);
  int status = signature_sign(kind, pem, check_bytes(L, 3), signature, &length);
  if (status != 0) return push_failure(L, status, "private");
  lua_pushlstring(L, (const char *)signature, length);
  return 1;
}

int crypto_verify(lua_State *L) {
  bool is_right;
  enum signature_kind kind = check_kind(L);
  struct slice pem = check_pem(L);
  struct slice data = check_bytes(L, 3);
  int status = signature_verify(kind, pem, data, check_bytes(L, 4), &is_right);
  if (status != 0) return push_failure(L, status, "public");
  lua_pushboolean(L, is_right);
  return 1;
}
