/* A test of an app, on the testbed of scripts, while each allocation fails in
 * turn: it ends well or with an error, and nothing is left open. */
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two rounds: the first makes whatever is made once. */
static const char app[] =
    "jit.off()\n"
    "local core = require 'ratchet.core'\n"
    "local testbed = core.testbed\n"
    "local function tell(ticket) return { onOpen = function(_, conn)\n"
    "  core.wake(ticket, conn)\n"
    "end } end\n"
    "local function serve()\n"
    "  local echo = core.endpoint({ onMessage = function(_, conn, message)\n"
    "    conn:send(message)\n"
    "  end })\n"
    "  return assert(core.listen{ handle = function() return echo end })\n"
    "end\n"
    "local function connect(port)\n"
    "  local ticket, told = core.ticket(), {}\n"
    "  local component = tell(ticket)\n"
    "  function component.onMessage(_, _, text) told[#told + 1] = text end\n"
    "  local attempt = core.connect(ticket, { host = 'any', port = port,\n"
    "    target = '/', authority = 'any', endpoint = core.endpoint(component) "
    "})\n"
    "  return assert(core.wait(ticket)), told, attempt\n"
    "end\n"
    "local function round()\n"
    "  testbed.open()\n"
    "  local conn, told = connect(serve().port)\n"
    "  assert(testbed.impair(conn, { pieces = { 1, 2 }, rate = 100 }))\n"
    "  conn:send('hello')\n"
    "  core.sleep(60)\n"
    "  testbed.settle()\n"
    "  assert(told[1] == 'hello')\n"
    "end\n"
    "local function finish()\n"
    "  while not testbed.sweep() do testbed.settle() end\n"
    "  testbed.close()\n"
    "end\n"
    "core.spawn(function()\n"
    "  round() finish()\n"
    "  core.announce('warm')\n"
    "  core.sleep(0.002)\n"
    "  local is_good = pcall(round)\n"
    "  pcall(finish)\n"
    "  core.announce(is_good and 'good' or 'bad')\n"
    "end)\n";

enum { MOST_TURNS = 4000 };

static struct {
  uint64_t count, nth; /* 0: none fails */
  int held;
} lua_memory;

static void *allocate(void *owner, void *block, size_t old_size,
                      size_t new_size) {
  (void)owner;
  if (new_size == 0) {
    if (block) lua_memory.held--;
    free(block);
    return NULL;
  }
  bool grows = !block || new_size > old_size;
  if (grows && ++lua_memory.count == lua_memory.nth) return NULL;
  void *moved = realloc(block, new_size);
  if (moved && !block) lua_memory.held++;
  return moved;
}

/* Owned by the test. */
static struct {
  struct loop loop;
  struct server server;
  struct script *script;
  char folder[40], path[64];
} rig;

static void on_turn(void *owner) {
  (void)owner;
  script_turn(rig.script);
  server_turn(&rig.server);
  script_turn_done(rig.script);
}

static void open_rig(void) {
  struct script_options options = {.port = -1, .allocate = allocate};
  char *arguments[] = {rig.path, NULL};
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
  while (rig.server.count > 0) {
    script_end_waits(rig.script);
    loop_turn(&rig.loop);
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

static void run_until(const char *word, int most) {
  for (int turn = 0; turn < most; turn++) {
    loop_turn(&rig.loop);
    if (has_announced(word) || has_announced("bad")) return;
    if (word[0] == 'w') usleep(100);
  }
}

/* One run in which the nth allocation fails; was there one? */
static bool was_starved(uint64_t nth, bool is_luas) {
  check_context("%s allocation %d", is_luas ? "Lua's" : "C's", (int)nth);
  memset(&lua_memory, 0, sizeof lua_memory);
  open_rig();
  run_until("warm", MOST_TURNS);
  if (!CHECK(has_announced("warm"))) return false;
  usleep(3000); /* its sleep */
  lua_memory.count = 0;
  if (is_luas)
    lua_memory.nth = nth;
  else
    mem_fail_at(nth, false);
  run_until("good", MOST_TURNS);
  bool was = is_luas ? lua_memory.count >= nth : mem_requests() >= nth;
  lua_memory.nth = 0;
  if (!is_luas) mem_fail_at(0, false);
  if (!was) CHECK(has_announced("good"));
  close_rig();
  CHECK_EQ(lua_memory.held, 0);
  return was;
}

static void sweep(bool is_luas) {
  mem_fail_at(0, false);
  log_set_level(LOG_OFF);
  strcpy(rig.folder, "/tmp/ratchet-test-XXXXXX");
  CHECK(mkdtemp(rig.folder) != NULL);
  snprintf(rig.path, sizeof rig.path, "%s/app.lua", rig.folder);
  FILE *file = fopen(rig.path, "w");
  fputs(app, file);
  fclose(file);
  pool_drain();
  int64_t before = mem_in_use();
  uint64_t nth = 1;
  while (was_starved(nth, is_luas) && nth < 2000) nth++;
  check_no_context();
  CHECK(nth > 10 && nth < 2000);
  CHECK_EQ(mem_in_use(), before);
  log_set_level(LOG_INFO);
  unlink(rig.path);
  rmdir(rig.folder);
}

TEST(testbed_survives_lua_having_no_memory) {
  sweep(true);
}

TEST(testbed_survives_having_no_memory) {
  sweep(false);
}
