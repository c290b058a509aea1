/*
 * test_script - the Lua side comes up or says that it cannot, whichever
 * allocation fails; and what app files do while they are loaded.
 *
 * What might end the process runs in a child of it, so that the check fails
 * and the other tests go on.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "script/script.h"
#include "support_capture.h"
#include "support_script.h"

#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A loop, a server, and a script on them. */
struct rig {
  struct loop loop;
  struct server server;
  struct script *script;
  int64_t held;
};

static struct rig rig;

/* ---- the rig */

static bool rig_open(void *(*allocator)(void *, void *, size_t, size_t)) {
  struct script_options options = {.port = -1, .allocate = allocator};

  pool_drain();
  rig.held = mem_in_use();
  CHECK_EQ(loop_init(&rig.loop), 0);
  CHECK_EQ(server_init(&rig.server, &rig.loop.clock), 0);
  rig.script = script_new(&rig.loop, &rig.server, &options);
  return rig.script != NULL;
}

static void rig_close(void) {
  if (rig.script) {
    script_stop_listening(rig.script);
    script_close_handles(rig.script);
    CHECK(loop_finish(&rig.loop, 10000));
    script_free(rig.script);
  }
  loop_close(&rig.loop);
  server_free(&rig.server);
  pool_drain();
  CHECK_EQ(mem_in_use(), rig.held);
}

/* Did the work end well, in a process of its own? */
static bool runs_in_child(bool (*work)(void *argument), void *argument) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    int before = check_failures();
    bool is_good = work(argument) && check_failures() == before;
    fflush(stdout);
    _exit(is_good ? 0 : 1);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- setting up without memory */

/* Shared with the children, so that it is known where one ended. */
struct sweep {
  uint64_t nth, count;
  bool is_sticky;
};

static void start_without_lua_memory(const struct sweep *sweep) {
  memset(&lua_memory, 0, sizeof lua_memory);
  lua_memory.nth = sweep->nth;
  lua_memory.is_sticky = sweep->is_sticky;
  bool is_up = rig_open(lua_memory_allocate);
  lua_memory.nth = 0;
  CHECK(is_up || lua_memory.count >= sweep->nth);
  rig_close();
  CHECK_EQ(lua_memory.held, 0);
}

static bool sweep_on(void *argument) {
  struct sweep *sweep = argument;

  log_set_level(LOG_OFF);
  for (; sweep->nth <= sweep->count; sweep->nth++) {
    check_context("allocation %d of %d", (int)sweep->nth, (int)sweep->count);
    start_without_lua_memory(sweep);
  }
  return true;
}

/* What LuaJIT needs for a state. It does not survive each failure in there. */
static uint64_t allocations_of_a_state(void) {
  memset(&lua_memory, 0, sizeof lua_memory);
  lua_State *L = lua_newstate(lua_memory_allocate, NULL);
  uint64_t count = lua_memory.count;
  lua_close(L);
  return count;
}

/* How many of Lua's allocations it takes to set a script up. */
static uint64_t allocations_to_start(void) {
  memset(&lua_memory, 0, sizeof lua_memory);
  CHECK(rig_open(lua_memory_allocate));
  uint64_t count = lua_memory.count;
  rig_close();
  CHECK_EQ(lua_memory.held, 0);
  return count;
}

/* A child that ends early is one failure; another goes on behind it. */
static void sweep_lua_memory(bool is_sticky) {
  struct sweep *sweep = mmap(NULL, sizeof *sweep, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int bad = 0;

  sweep->is_sticky = is_sticky;
  sweep->count = allocations_to_start();
  CHECK(sweep->count > 100);
  sweep->nth = allocations_of_a_state() + 1;
  for (; sweep->nth <= sweep->count; sweep->nth++) {
    bool is_good = runs_in_child(sweep_on, sweep);
    check_context("allocation %d of %d", (int)sweep->nth, (int)sweep->count);
    if (!CHECK(is_good) && ++bad == 5) break;
  }
  munmap(sweep, sizeof *sweep);
}

TEST(script_starts_or_fails_when_lua_has_no_memory) {
  sweep_lua_memory(false);
}

TEST(script_starts_or_fails_when_memory_of_lua_ends) {
  sweep_lua_memory(true);
}

static bool start_without_memory(void *argument) {
  struct sweep *sweep = argument;
  struct script_options options = {.port = -1};

  log_set_level(LOG_OFF);
  rig.held = mem_in_use();
  if (loop_init(&rig.loop) || server_init(&rig.server, &rig.loop.clock)) {
    return false;
  }
  mem_fail_at(sweep->nth, sweep->is_sticky);
  rig.script = script_new(&rig.loop, &rig.server, &options);
  bool was_failed = mem_requests() >= sweep->nth;
  mem_fail_at(0, false);
  if (!was_failed) CHECK(rig.script != NULL);
  rig_close();
  return was_failed;
}

TEST(script_starts_or_fails_without_memory) {
  struct sweep sweep = {.nth = 1};

  CHECK(runs_in_child(start_without_memory, &sweep));
  for (sweep.nth = 1; sweep.nth < 100; sweep.nth++) {
    if (!runs_in_child(start_without_memory, &sweep)) break;
  }
  CHECK(sweep.nth > 1 && sweep.nth < 100);
}

/* ---- app files */

/* Loads an app with one argument; yields the log. */
static const char *load(const char *text, size_t length, bool is_good) {
  char argument[] = "argument";
  char *arguments[] = {app_file_make(text, length), argument, NULL};

  CHECK(rig_open(NULL));
  capture_start();
  bool is_loaded = script_load(rig.script, 2, arguments);
  loop_turn(&rig.loop);
  script_turn(rig.script);
  const char *log = capture_end();
  CHECK_EQ(is_loaded, is_good);
  if (is_good) CHECK_TEXT(log, "");
  CHECK(!script_is_listening(rig.script));
  CHECK_TEXT(script_addresses(rig.script), "");
  rig_close();
  app_file_remove();
  return log;
}

static void check_loads(const char *text) {
  check_context("%s", text);
  load(text, strlen(text), true);
}

/* The log has one event, an error that says this. */
static void check_fails(const char *text, const char *complaint) {
  check_context("%s", text);
  const char *log = load(text, strlen(text), false);
  CHECK(strstr(log, " error ") != NULL);
  if (!CHECK(strstr(log, complaint) != NULL)) printf("%s", log);
}

TEST(script_loads_apps) {
  check_loads("");
  check_loads("return");
  check_loads("return 1, nil, {}");
  check_loads("#!/usr/bin/env ratchet-lua\nlocal x = 1");
  check_loads("assert(... == 'argument' and select('#', ...) == 1)");
  check_loads("assert(arg[0]:match('app.lua$') and arg[1] == 'argument')");
  check_loads("local core = require 'ratchet.core' assert(core.version)");
  check_loads("assert(require 'cjson'.encode({1}) == '[1]')");
  check_loads("local core = require 'ratchet.core'"
              "assert(#core.randomBytes(1024) == 1024)"
              "assert(core.randomBytes(16) ~= core.randomBytes(16))"
              "assert(#core.hmacSha256('', '') == 32)");
  check_loads("coroutine.wrap(function() coroutine.yield() end)()");
  check_loads("pcall(error)");
}

TEST(script_logs_why_an_app_does_not_load) {
  check_fails("local = 1", "app.lua:1:");
  check_fails("local x = 1\nx()", "app.lua:2: attempt to call local 'x'");
  check_fails("local function f() error('oh dear') end f()",
              "app.lua:1: oh dear\n");
  check_fails("error('oh dear', 0)", ": oh dear");
  check_fails("error(nil)", "a nil was raised");
  check_fails("error()", "a nil was raised");
  check_fails("error({})", "a table was raised");
  check_fails("error(setmetatable({}, {__tostring = function() "
              "return 'dressed' end}))",
              "dressed");
  check_fails("error(setmetatable({}, {__tostring = function() "
              "error('again') end}))",
              "an error that cannot be shown");
  check_fails("error(42)", "42");
  check_fails("coroutine.yield()", "cannot yield while it is loaded");
  check_fails("require 'ratchet.core'.wait(require 'ratchet.core'.ticket())",
              "cannot wait while it is loaded");
  check_fails("require 'no.such.module'", "module 'no.such.module' not found");
  check_fails("local function f() return 1 + f() end f()", "stack overflow");
  check_fails("string.rep('x', -1):bad()", "attempt to call method 'bad'");
  check_fails("require 'luv'.run()", "the server runs the loop");
  for (int i = 0; i < 5; i++) {
    static const char *const counts[] = {"0", "-1", "1025", "1.5", "0/0"};
    char text[64];
    snprintf(text, sizeof text, "require 'ratchet.core'.randomBytes(%s)",
             counts[i]);
    check_fails(text, "it must be a whole number from 1 to 1024");
  }
  check_fails("require 'ratchet.core'.hmacSha256('key')", "string expected");
}

TEST(script_names_what_is_missing) {
  char missing[] = "/nowhere/app.lua";
  char *arguments[] = {missing, NULL};

  CHECK(rig_open(NULL));
  capture_start();
  CHECK(!script_load(rig.script, 1, arguments));
  CHECK(strstr(capture_end(), "/nowhere/app.lua") != NULL);
  rig_close();
}

TEST(script_loads_no_bytecode) {
  const char *log = load("\x1bLJ\x02\n", 5, false);

  CHECK(strstr(log, "is bytecode") != NULL);
  check_fails("assert(load(string.dump(function() end)))", "wrong mode");
  check_fails("assert(loadstring(string.dump(function() end), 'x', 'b'))",
              "wrong mode");
}

TEST(script_takes_many_arguments) {
  static char *arguments[301];
  static char argument[] = "x";
  const char text[] = "assert(select('#', ...) == 299 and arg[299] == 'x')";

  arguments[0] = app_file_make(text, sizeof text - 1);
  for (int i = 1; i < 300; i++) arguments[i] = argument;
  CHECK(rig_open(NULL));
  CHECK(script_load(rig.script, 300, arguments));
  rig_close();
  app_file_remove();
}

/* Each of ours failing in turn: what is raised can be caught, nothing is lost.
 */
TEST(script_makes_endpoints_and_topics_or_raises) {
  const char text[] =
      "local core = require 'ratchet.core'\n"
      "local function try(f, ...)\n"
      "  local ok, value = pcall(f, ...)\n"
      "  if ok then return value end\n"
      "  assert(value:find('out of memory'), value)\n"
      "end\n"
      "local endpoint = try(core.endpoint, {})\n"
      "local other = endpoint and try(endpoint.with, endpoint, arg)\n"
      "assert(not other or other:getComponent() == arg)\n"
      "local topic = try(core.topic, 'x')\n"
      "if topic then topic.onJoin = print end\n"
      "assert(not topic or next(topic:members()) == nil)\n"
      "if topic then topic.onJoin = nil end\n";
  char *arguments[] = {app_file_make(text, sizeof text - 1), NULL};
  uint64_t nth = 0;
  bool was_failed = true;

  while (was_failed && CHECK(nth < 100)) {
    nth++;
    check_context("allocation %d", (int)nth);
    CHECK(rig_open(NULL));
    mem_fail_at(nth, false);
    CHECK(script_load(rig.script, 1, arguments));
    was_failed = mem_requests() >= nth;
    mem_fail_at(0, false);
    rig_close();
  }
  CHECK(nth > 3);
  app_file_remove();
}

static void check_listens(const char *options) {
  char text[300];

  snprintf(text, sizeof text,
           "local core = require 'ratchet.core'\n"
           "local it = assert(core.listen{%s})\n"
           "core.announce('ws://127.0.0.1:' .. it.port)",
           options);
  check_context("%s", options);
  char *arguments[] = {app_file_make(text, strlen(text)), NULL};
  CHECK(rig_open(NULL));
  CHECK(script_load(rig.script, 1, arguments));
  CHECK(script_is_listening(rig.script));
  CHECK(strncmp(script_addresses(rig.script), "  ws://127.0.0.1:", 17) == 0);
  rig_close();
  app_file_remove();
}

TEST(script_listens) {
  check_listens("handle = print");
  check_listens("endpoint = core.endpoint({})");
}

TEST(script_calls_a_host_by_its_name_only) {
  check_fails("local core = require 'ratchet.core'\n"
              "core.caller({host = 5, port = 1}, core.ticket(), 1)",
              "host must be a string");
}

TEST(script_listens_nowhere_after_a_refusal) {
  check_fails("require 'ratchet.core'.listen{port = 'x', handle = print}",
              "port must be a number");
  check_fails("require 'ratchet.core'.listen{}", "a handle function");
  check_loads("assert(not require 'ratchet.core'.listen{port = 70000, "
              "handle = print})");
  check_loads("assert(not pcall(require 'ratchet.core'.listen, "
              "{port = {}, handle = print}))");
}
