/*
 * modules - what `require` finds, and how Lua code is loaded: as text only.
 */
#ifndef RATCHET_SCRIPT_MODULES_H
#define RATCHET_SCRIPT_MODULES_H

#include <lua.h>
#include <stddef.h>

struct script;

/* Lua's own; Lua is loaded as text only from here on. Raises. */
void script_open_libraries(lua_State *L);
/* For `require`: luv on the server's loop, cjson, ratchet.core. Only on the
 * main state. Raises. */
void script_open_modules(struct script *script, lua_State *L);
/* Closes the handles that the app has made by luv. */
void script_close_luv(struct script *script);
/* The app's folder comes first in package.path. Raises. */
void script_set_paths(lua_State *L, const char *app_path);
/* Loads a file as text: a lua_load status, with the function or the message
 * on the stack. */
int script_load_file(lua_State *L, const char *path);
/* Pushes a part of the program that is Lua, as a function. Raises. */
void script_load_part(lua_State *L, const unsigned char *source, size_t length,
                      const char *name);

#endif
