/*
 * test_connect - core.connect with a server in the same process, over real
 * sockets: each allocation of the core fails in turn, and it is ended at every
 * point. Whatever comes of it, nothing is held afterwards.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "script/script.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURNS = 3000, OUTCOME_MAX = 64 };

static const char app[] =
    "local core = require 'ratchet.core'\n"
    "local echo = core.endpoint({ onMessage = function(_, conn, m)\n"
    "  conn:send(m)\n"
    "end })\n"
    "local bound = assert(core.listen({ address = '127.0.0.1', port = 0,\n"
    "  handle = function() return echo end }))\n"
    "local told = io.open((...), 'w')\n"
    "told:setvbuf('no')\n"
    "local function tell(what) told:write(what, ' ') end\n"
    "local mine = core.endpoint({\n"
    "  onOpen = function(_, conn) tell('open') conn:send('hi') end,\n"
    "  onMessage = function(_, conn, m) tell(m) conn:close() end,\n"
    "  onClose = function() tell('close') end })\n"
    "core.spawn(function()\n"
    "  local ticket = core.ticket()\n"
    "  local ok, attempt, why = pcall(core.connect, ticket, {\n"
    "    host = '127.0.0.1', port = bound.port, target = '/',\n"
    "    authority = 'a', protocols = 'a, b', headers = { 'X-A', 'b' },\n"
    "    endpoint = mine })\n"
    "  if not ok or not attempt then return tell('raised') end\n"
    "  local _, reason = core.wait(ticket, 1)\n"
    "  attempt:cancel()\n"
    "  tell('ended')\n"
    "end)\n";

/* A loop, a server, and a script on them, as main has them. */
static struct loop loop;
static struct server server;
static struct script *script;
static char folder[32], path[64], told_path[64];
static int64_t held;

static void on_turn(void *owner) {
  (void)owner;
  script_turn(script);
  server_turn(&server);
  script_turn_done(script);
}

static void ignore(uv_poll_t *poll, int status, int events) {
  (void)poll;
  (void)status;
  (void)events;
}

static void write_app(void) {
  strcpy(folder, "/tmp/ratchet-test-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/app.lua", folder);
  snprintf(told_path, sizeof told_path, "%s/told", folder);
  FILE *file = fopen(path, "w");
  fputs(app, file);
  fclose(file);
}

static void remove_app(void) {
  unlink(told_path);
  unlink(path);
  CHECK_EQ(rmdir(folder), 0);
}

/* libuv aborts when its table of descriptors cannot grow: it has grown. */
static void grow_table(void) {
  enum { HIGH = 200 };
  uv_poll_t poll;
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  int high = fcntl(ends[0], F_DUPFD, HIGH);
  CHECK_EQ(uv_poll_init(&loop.uv, &poll, high), 0);
  CHECK_EQ(uv_poll_start(&poll, UV_READABLE, ignore), 0);
  uv_close((uv_handle_t *)&poll, NULL);
  loop_turn(&loop);
  close(high);
  close(ends[0]);
  close(ends[1]);
}

static void start(void) {
  char *arguments[] = {path, told_path, NULL};
  struct script_options options = {.port = -1};
  pool_drain();
  held = mem_in_use();
  CHECK_EQ(loop_init(&loop), 0);
  grow_table();
  CHECK_EQ(server_init(&server, &loop.clock), 0);
  script = script_new(&loop, &server, &options);
  loop.on_turn = on_turn;
  CHECK(script_load(script, 2, arguments));
}

/* As close_everything of main. */
static void finish(void) {
  script_stop_listening(script);
  server_terminate(&server);
  for (int i = 0; i < TURNS && server.count > 0; i++) {
    script_end_waits(script);
    loop_turn(&loop);
  }
  script_end_waits(script);
  CHECK_EQ(server.count, 0);
  loop.on_turn = NULL;
  script_close_handles(script);
  CHECK(loop_finish(&loop, 10000));
  script_free(script);
  loop_close(&loop);
  server_free(&server);
  pool_drain();
  CHECK_EQ(mem_in_use(), held);
}

/* What the app has written. */
static const char *outcome(void) {
  static char text[OUTCOME_MAX];
  FILE *file = fopen(told_path, "r");
  size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[length] = '\0';
  if (file) fclose(file);
  return text;
}

/* Until there is nobody left, or for so many turns. */
static void run(int turns) {
  for (int i = 0; i < turns; i++) {
    loop_turn(&loop);
    if (i > 50 && server.count == 0) break;
  }
}

TEST(connect_opens_and_closes) {
  write_app();
  start();
  run(TURNS);
  CHECK_TEXT(outcome(), "open hi close ");
  finish();
  remove_app();
}

TEST(connect_survives_without_memory) {
  bool was_failed = true;
  log_set_level(LOG_OFF);
  write_app();
  for (uint64_t nth = 1; was_failed && nth < 200; nth++) {
    check_context("allocation %d", (int)nth);
    start();
    mem_fail_at(nth, false);
    run(TURNS);
    was_failed = mem_requests() >= nth;
    mem_fail_at(0, false);
    if (!was_failed) CHECK_TEXT(outcome(), "open hi close ");
    finish();
  }
  CHECK(!was_failed);
  check_no_context();
  remove_app();
  log_set_level(LOG_INFO);
}

TEST(connect_is_ended_at_any_point) {
  log_set_level(LOG_OFF);
  write_app();
  for (int turns = 0; turns < 25; turns++) {
    check_context("after %d turns", turns);
    start();
    run(turns);
    finish();
  }
  check_no_context();
  remove_app();
  log_set_level(LOG_INFO);
}
