#include "support_script.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- an app in a file */

static char folder[64], path[100];

char *app_file_make(const char *text, size_t length) {
  strcpy(folder, "/tmp/ratchet-test-XXXXXX");
  if (!CHECK(mkdtemp(folder) != NULL)) exit(2);
  snprintf(path, sizeof path, "%s/app.lua", folder);
  FILE *file = fopen(path, "w");
  CHECK_EQ(fwrite(text, 1, length, file), length);
  fclose(file);
  return path;
}

void app_file_remove(void) {
  unlink(path);
  rmdir(folder);
}

/* ---- Lua's memory */

struct lua_memory lua_memory;

static bool is_refused(void) {
  uint64_t nth = ++lua_memory.count;
  if (lua_memory.nth == 0) return false;
  return nth == lua_memory.nth ||
         (lua_memory.is_sticky && nth > lua_memory.nth);
}

void *lua_memory_allocate(void *owner, void *block, size_t old_size,
                          size_t new_size) {
  (void)owner;
  if (new_size == 0) {
    if (block) lua_memory.held--;
    free(block);
    return NULL;
  }
  if ((!block || new_size > old_size) && is_refused()) return NULL;
  void *moved = realloc(block, new_size);
  if (moved && !block) lua_memory.held++;
  return moved;
}

/* ---- an app that is starved */

enum { MOST_TURNS = 4000, MOST_WAITS = 200, MOST_ALLOCATIONS = 2000 };

/* Owned by the test. */
static struct {
  struct loop loop;
  struct server server;
  struct script *script;
} rig;

static void on_turn(void *owner) {
  (void)owner;
  script_turn(rig.script);
  server_turn(&rig.server);
  script_turn_done(rig.script);
}

static void open_rig(void) {
  struct script_options options = {.port = -1, .allocate = lua_memory_allocate};
  char *arguments[] = {path, NULL};
  CHECK_EQ(loop_init(&rig.loop), 0);
  CHECK_EQ(server_init(&rig.server, &rig.loop.clock), 0);
  rig.script = script_new(&rig.loop, &rig.server, &options);
  rig.loop.on_turn = on_turn;
  loop_keep(&rig.loop, true);
  CHECK(script_load(rig.script, 1, arguments));
}

static void close_rig(void) {
  script_stop_listening(rig.script);
  server_terminate(&rig.server);
  script_end_waits(rig.script);
  while (rig.server.count > 0) {
    loop_turn(&rig.loop);
    script_end_waits(rig.script);
  }
  loop_keep(&rig.loop, false);
  rig.loop.on_turn = NULL;
  script_close_handles(rig.script);
  CHECK(loop_finish(&rig.loop, 5000));
  script_free(rig.script);
  loop_close(&rig.loop);
  server_free(&rig.server);
  pool_drain();
}

static bool has_announced(const char *word) {
  return strstr(script_addresses(rig.script), word) != NULL;
}

/* Until it has said how it went, or nothing happens any more. */
static void run_until(const char *word, int turns, bool is_patient) {
  for (int turn = 0; turn < turns; turn++) {
    loop_turn(&rig.loop);
    if (has_announced(word) || has_announced("bad")) return;
    if (is_patient) usleep(100);
  }
}

static void fail_at(uint64_t nth, bool is_luas) {
  lua_memory.count = 0;
  lua_memory.nth = is_luas ? nth : 0;
  mem_fail_at(is_luas ? 0 : nth, false);
}

/* One run in which the nth allocation fails; was there one? */
static bool was_starved(const struct starved_app *app, uint64_t nth,
                        bool is_luas) {
  check_context("%s allocation %d", is_luas ? "Lua's" : "C's", (int)nth);
  memset(&lua_memory, 0, sizeof lua_memory);
  open_rig();
  run_until("warm", MOST_TURNS, true);
  if (!CHECK(has_announced("warm"))) return false;
  usleep(3000); /* its sleep */
  fail_at(nth, is_luas);
  run_until("good", app->has_sockets ? MOST_WAITS : MOST_TURNS,
            app->has_sockets);
  bool was = is_luas ? lua_memory.count >= nth : mem_requests() >= nth;
  fail_at(0, is_luas);
  if (!was) CHECK(has_announced("good"));
  close_rig();
  CHECK_EQ(lua_memory.held, 0);
  return was;
}

void starve_app(const struct starved_app *app, bool is_luas) {
  uint64_t nth = 1;
  mem_fail_at(0, false);
  log_set_level(LOG_OFF);
  app_file_make(app->text, strlen(app->text));
  pool_drain();
  int64_t before = mem_in_use();
  while (was_starved(app, nth, is_luas) && nth < MOST_ALLOCATIONS) nth++;
  check_no_context();
  CHECK(nth > 10 && nth < MOST_ALLOCATIONS);
  CHECK_EQ(mem_in_use(), before);
  log_set_level(LOG_INFO);
  app_file_remove();
}
