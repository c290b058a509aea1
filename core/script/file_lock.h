/*
 * file_lock - flock(2) without waiting.
 */
#ifndef RATCHET_SCRIPT_FILE_LOCK_H
#define RATCHET_SCRIPT_FILE_LOCK_H

#include <lua.h>

int file_lock(lua_State *L); /* core.lockFile */

#endif
