/*
 * file_lock - flock(2) without waiting: libuv has none, and a thread that waits
 * for a lock would be one that reads no file meanwhile. Who wants to wait asks
 * again.
 */
#include "file_lock.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <sys/file.h>

/* lock(fd, kind): true; false when somebody else has it; nil and a message. The
 * lock goes with the descriptor. */
int file_lock(lua_State *L) {
  static const char *const names[] = {"shared", "exclusive", NULL};
  int fd = (int)luaL_checkinteger(L, 1);
  int kind = luaL_checkoption(L, 2, NULL, names) == 0 ? LOCK_SH : LOCK_EX;
  int status;
  do status = flock(fd, kind | LOCK_NB);
  while (status != 0 && errno == EINTR);
  if (status != 0 && errno != EWOULDBLOCK) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
  }
  lua_pushboolean(L, status == 0);
  return 1;
}
