/*
 * test_dispatch - thousands of small histories of connections whose handlers
 * wait, in a time that the test moves: messages, closes, errors, peers that
 * vanish, in any order. dispatch.lua checks what it is told as it comes; here
 * it is checked that nothing is lost and that all comes to an end.
 */
#include "base/log.h"
#include "base/pool.h"
#include "check.h"
#include "script/connection_object.h"
#include "script/endpoint.h"
#include "script/state.h"
#include "script/strand.h"
#include "support_stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  RUNS = 3000,       /* in about a second */
  RUNS_A_STAGE = 80, /* each has up to MOST peers of the stage's */
  MOST = 6,
  STEPS = 40,
  QUEUE_MOST = 8, /* as dispatch.lua has it */
};

/* One peer of a run, and what it has sent. */
struct teller {
  struct peer *peer;
  lua_Integer id;
  int sent;
  bool is_over; /* it has closed or vanished */
};

static struct stage *stage;
static struct loop loop;
static struct script *script;
static struct script_endpoint *endpoint;
static struct teller tellers[MOST];
static int count;
static unsigned seed;

static int random_below(int limit) {
  seed = seed * 1103515245u + 12345u;
  return (int)((seed >> 16) % (unsigned)limit);
}

/* ---- the script on the stage */

static void decide(struct stage *of, struct connection *conn) {
  (void)of;
  tellers[count].id = (lua_Integer)conn->id;
  connection_upgrade(conn, &endpoint->base, SLICE(""), SLICE(""));
}

static void push_function(const char *name) {
  lua_getglobal(script->L, "dispatch");
  lua_getfield(script->L, -1, name);
  lua_remove(script->L, -2);
}

static lua_Integer ask(const char *name, lua_Integer id) {
  push_function(name);
  lua_pushinteger(script->L, id);
  CHECK_EQ(lua_pcall(script->L, 1, 1, 0), 0);
  lua_Integer answer = lua_isboolean(script->L, -1)
                           ? lua_toboolean(script->L, -1)
                           : lua_tointeger(script->L, -1);
  lua_pop(script->L, 1);
  return answer;
}

static void open_stage(void) {
  static char app[] = UNIT_FOLDER "/dispatch.lua";
  char *arguments[] = {app, NULL};
  struct script_options options = {.port = -1};
  CHECK_EQ(loop_init(&loop), 0);
  stage = stage_open();
  stage->decide = decide;
  script = script_new(&loop, &stage->server, &options);
  CHECK(script_load(script, 1, arguments));
  push_function("endpoint");
  endpoint = script_to_endpoint(script->L, lua_gettop(script->L));
  lua_pop(script->L, 1);
}

static void close_stage(void) {
  script_end_waits(script);
  server_terminate(&stage->server);
  stage_run(stage);
  script_end_waits(script);
  stage_run(stage);
  script_close_handles(script);
  CHECK(loop_finish(&loop, 10000));
  script_free(script);
  stage_close(stage);
  loop_close(&loop);
}

static void run_turns(int turns) {
  for (int i = 0; i < turns; i++) {
    script_turn(script);
    stage_turn(stage);
  }
}

/* ---- what can happen */

static void arrive(void) {
  if (count == MOST) return;
  tellers[count] = (struct teller){.peer = stage_connect(stage)};
  peer_send_bytes(tellers[count].peer, STAGE_HANDSHAKE,
                  strlen(STAGE_HANDSHAKE));
  run_turns(2);
  count++;
}

static void tell(struct teller *teller) {
  static const char *const actions[] = {
      "nothing", "nothing", "sleep",   "sleep",    "send",  "error",
      "caught",  "timer",   "receive", "receive",  "spawn", "cancel",
      "sleep",   "nothing", "close",   "terminate"};
  enum { ACTIONS = sizeof actions / sizeof *actions };
  char message[64];
  /* The last two end it, so they are rare. */
  int action = random_below(random_below(6) ? ACTIONS - 2 : ACTIONS);
  snprintf(message, sizeof message, "%d %s %d", ++teller->sent, actions[action],
           random_below(20));
  peer_frame(teller->peer, OP_TEXT, message);
}

static void tell_some(struct teller *teller) {
  int some = 1 + random_below(random_below(8) ? 3 : 30);
  if (teller->is_over) return;
  for (int i = 0; i < some; i++) tell(teller);
}

static void ping(struct teller *teller) {
  if (!teller->is_over) peer_frame(teller->peer, OP_PING, "?");
}

static void say_goodbye(struct teller *teller) {
  if (teller->is_over) return;
  teller->is_over = true;
  peer_send(teller->peer, "88 82 37 FA 21 3D 34 12");
}

static void vanish(struct teller *teller) {
  teller->is_over = true;
  if (teller->peer->memory) memory_break(teller->peer->memory, -ECONNRESET);
}

static void step(void) {
  struct teller *teller = &tellers[random_below(count)];
  switch (random_below(16)) {
  case 0: arrive(); break;
  case 1: ping(teller); break;
  case 2:
    if (random_below(4) == 0) say_goodbye(teller);
    break;
  case 3:
    if (random_below(6) == 0) vanish(teller);
    break;
  case 4:
  case 5:
  case 6:
    manual_clock_advance(&stage->clock, (uint64_t)random_below(15));
    break;
  default: tell_some(teller);
  }
  run_turns(1 + random_below(3));
}

/* What is not told of messages is told of what comes from elsewhere: a ping
 * that was read before, a timer, the close. */
static void check_queues(void) {
  struct list *link = stage->server.connections.next;
  for (; link != &stage->server.connections; link = link->next) {
    struct connection *conn = OWNER_OF(link, struct connection, in_server);
    CHECK(strand_queued(conn) <= QUEUE_MOST + 8);
  }
}

/* Whoever was neither left nor ended has heard everything. */
static void check_complete(const struct teller *teller) {
  lua_Integer received = ask("received", teller->id);
  CHECK(received <= teller->sent);
  if (!teller->is_over && !ask("hasEnded", teller->id)) {
    CHECK_EQ(received, teller->sent);
  }
}

static void run(unsigned number) {
  seed = number;
  count = 0;
  arrive();
  for (int i = 0; i < STEPS; i++) {
    step();
    check_queues();
  }
  for (int i = 0; i < 150; i++) {
    manual_clock_advance(&stage->clock, 20);
    run_turns(4);
  }
  for (int i = 0; i < count; i++) check_complete(&tellers[i]);
  for (int i = 0; i < count; i++) vanish(&tellers[i]);
  for (int i = 0; i < 20; i++) {
    manual_clock_advance(&stage->clock, 50);
    run_turns(4);
  }
  CHECK(list_is_empty(&script->strands));
  CHECK(list_is_empty(&script->tasks));
}

static void check_faults(void) {
  push_function("faults");
  CHECK_EQ(lua_pcall(script->L, 0, 1, 0), 0);
  CHECK_TEXT(lua_tostring(script->L, -1), "");
  lua_pop(script->L, 1);
}

TEST(dispatch_keeps_its_promises_whatever_waits) {
  log_set_level(LOG_OFF);
  for (unsigned number = 1; number <= RUNS && check_failures() == 0; number++) {
    if (number % RUNS_A_STAGE == 1) open_stage();
    check_context("run %u", number);
    run(number);
    bool is_last = number % RUNS_A_STAGE == 0 || number == RUNS;
    if (!is_last && check_failures() == 0) continue;
    check_faults();
    close_stage();
  }
  check_no_context();
  log_set_level(LOG_INFO);
}
