/*
 * test_mayhem - apps that do anything at any moment: see mayhem.lua. A stage is
 * closed in the middle of it, with all that waits. What is checked is that
 * everything comes to an end, each onOpen had its onClose, and nothing is held
 * or used after its end (with sanitizers).
 */
#include "base/log.h"
#include "check.h"
#include "script/connection_object.h"
#include "script/endpoint.h"
#include "script/state.h"
#include "support_stage.h"

#include <errno.h>
#include <string.h>

enum {
  STAGES = 400, /* a hundred thousand actions, in about a second */
  STEPS = 250,
  MOST = 40, /* peers of a stage */
};

static struct stage *stage;
static struct loop loop;
static struct script *script;
static struct peer *peers[MOST];
static int count;
static unsigned seed;
static lua_Integer done;

static int random_below(int limit) {
  seed = seed * 1103515245u + 12345u;
  return (int)((seed >> 16) % (unsigned)limit);
}

static void push_field(const char *name) {
  lua_getglobal(script->L, "mayhem");
  lua_getfield(script->L, -1, name);
  lua_remove(script->L, -2);
}

static lua_Integer ask(const char *name, lua_Integer argument) {
  push_field(name);
  lua_pushinteger(script->L, argument);
  CHECK_EQ(lua_pcall(script->L, 1, 1, 0), 0);
  lua_Integer answer = lua_tointeger(script->L, -1);
  lua_pop(script->L, 1);
  return answer;
}

static void decide(struct stage *of, struct connection *conn) {
  (void)of;
  push_field(random_below(3) ? "endpoint" : "runner");
  struct script_endpoint *endpoint = script_to_endpoint(script->L, -1);
  lua_pop(script->L, 1);
  connection_upgrade(conn, &endpoint->base, SLICE(""), SLICE(""));
}

static void open_stage(unsigned number) {
  static char app[] = UNIT_FOLDER "/mayhem.lua";
  char *arguments[] = {app, NULL};
  struct script_options options = {.port = -1};
  seed = number;
  count = 0;
  CHECK_EQ(loop_init(&loop), 0);
  stage = stage_open();
  stage->decide = decide;
  script = script_new(&loop, &stage->server, &options);
  CHECK(script_load(script, 1, arguments));
  ask("begin", number);
}

static void run_turns(int turns) {
  for (int i = 0; i < turns; i++) {
    script_turn(script);
    stage_turn(stage);
  }
}

/* As main does it when a second signal comes. */
static void close_stage(void) {
  script_end_waits(script);
  server_terminate(&stage->server);
  run_turns(2);
  script_end_waits(script);
  stage_run(stage);
  script_end_waits(script);
  CHECK(list_is_empty(&script->strands));
  CHECK(list_is_empty(&script->tasks));
  CHECK(list_is_empty(&stage->server.connections));
  CHECK_EQ(ask("missing", 0), 0);
  done += ask("done", 0);
  script_close_handles(script);
  CHECK(loop_finish(&loop, 10000));
  script_free(script);
  stage_close(stage);
  loop_close(&loop);
}

/* ---- what peers do */

static void arrive(void) {
  if (count == MOST) return;
  peers[count] = stage_connect(stage);
  peer_send_bytes(peers[count], STAGE_HANDSHAKE, strlen(STAGE_HANDSHAKE));
  count++;
}

static void send_some(struct peer *peer) {
  for (int i = random_below(random_below(6) ? 4 : 20); i >= 0; i--) {
    peer_frame(peer, random_below(2) ? OP_TEXT : OP_BINARY, "message");
  }
}

static void act(struct peer *peer) {
  switch (random_below(14)) {
  case 0: peer_frame(peer, OP_PING, "?"); break;
  case 1: peer_frame(peer, OP_PONG, "!"); break;
  case 2: peer->is_stuck = !peer->is_stuck; break;
  case 3: peer_take(peer, (size_t)random_below(100000)); break;
  case 4:
    if (random_below(6) == 0) peer_send(peer, "88 82 37 FA 21 3D 34 12");
    break;
  case 5:
    if (random_below(6) == 0) memory_break(peer->memory, -ECONNRESET);
    break;
  case 6:
    if (random_below(6) == 0) peer_send(peer, "FF FF FF FF");
    break;
  default: send_some(peer);
  }
}

static void step(void) {
  if (count == 0 || random_below(8) == 0) arrive();
  struct peer *peer = peers[random_below(count)];
  if (peer->memory) act(peer);
  if (random_below(3) == 0) {
    manual_clock_advance(&stage->clock, (uint64_t)random_below(15));
  }
  if (random_below(200) == 0) manual_clock_advance(&stage->clock, 400);
  run_turns(random_below(3));
}

TEST(apps_do_anything_at_any_moment) {
  log_set_level(LOG_OFF);
  for (unsigned number = 1; number <= STAGES && check_failures() == 0;
       number++) {
    check_context("stage %u", number);
    open_stage(number);
    int steps = random_below(STEPS) + 1;
    for (int i = 0; i < steps; i++) step();
    close_stage();
  }
  check_no_context();
  log_set_level(LOG_INFO);
  CHECK(done > 10 * STAGES);
}
