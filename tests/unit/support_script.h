/*
 * support_script - what the tests of scripts share: an app in a file, Lua's
 * memory that can be made to fail, and an app that is run, on a real loop with
 * a server, while each allocation fails in turn.
 */
#ifndef RATCHET_TESTS_SUPPORT_SCRIPT_H
#define RATCHET_TESTS_SUPPORT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the app to a file in a new folder. The path is valid until the next.
 */
char *app_file_make(const char *text, size_t length);
/* Takes both away. */
void app_file_remove(void);

/* Lua's memory; there is one at a time. To be zeroed before a state is made. */
extern struct lua_memory {
  uint64_t count; /* of the requests for more */
  uint64_t nth;   /* the one that fails; 0: none does */
  bool is_sticky; /* those after it, too */
  int held;       /* blocks */
} lua_memory;

/* lua_Alloc, by the above. */
void *lua_memory_allocate(void *owner, void *block, size_t old_size,
                          size_t new_size);

/* An app that makes all that is made once, announces "warm", goes on, and
 * announces "good" or "bad". */
struct starved_app {
  const char *text;
  bool has_sockets; /* what it waits for comes from the kernel */
};

/* The end of an app whose round() opens the testbed: one round to warm up, and
 * one that counts. */
#define STARVED_TESTBED                                                        \
  "local function finish()\n"                                                  \
  "  while not testbed.sweep() do testbed.settle() end\n"                      \
  "  testbed.close()\n"                                                        \
  "end\n"                                                                      \
  "core.spawn(function()\n"                                                    \
  "  round() finish()\n"                                                       \
  "  core.announce('warm')\n"                                                  \
  "  core.sleep(0.002)\n"                                                      \
  "  local is_good = pcall(round)\n"                                           \
  "  pcall(finish)\n"                                                          \
  "  core.announce(is_good and 'good' or 'bad')\n"                             \
  "end)\n"

/* Runs the app as long as it has an n-th allocation behind "warm" that can
 * fail, of Lua's or of C's: it need not do well, but nothing stays held. */
void starve_app(const struct starved_app *app, bool is_luas);

#endif
