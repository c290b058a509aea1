/*
 * testbed - core.testbed: what a test of an app stands on. While it is open,
 * ports are in the test's own network and the clock stands still; the task that
 * has opened it is the test.
 *
 *   something moves --> nothing moves --+-- the test settles: it goes on
 *        ^                              '-- the test waits: the clock goes to
 *        '----------------------------------the next alarm
 *
 * So a handler never has less time than it needs, and a test that waits for
 * 61 seconds takes none.
 */
#include "testbed.h"

#include "base/list.h"
#include "base/mem.h"
#include "caller_object.h"
#include "class.h"
#include "connect.h"
#include "connection_object.h"
#include "modules.h"
#include "net/impairment.h"
#include "net/virtual_network.h"
#include "redis_object.h"
#include "run.h"
#include "server/connection.h"
#include "server/server.h"
#include "service.h"
#include "state.h"
#include "strand.h"
#include "task.h"
#include "timer.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>

enum {
  QUIET_TURNS = 4, /* two of the loop: what one of them begins, the next ends */
  PATIENCE = 5,    /* ms, where sockets of the kernel's may have more to say; */
  LONG_PATIENCE = 100, /* where the kernel is at it: TCP may hold back 40 ms */
};

/* Owned by the script. */
struct testbed {
  struct virtual_network network;
  struct task *test;
  int quiet;               /* turns in which nothing has moved */
  uint64_t last_stir;      /* real time */
  bool has_closed_handles; /* luv's */
  bool is_settling;        /* the test waits until nothing moves any more */
  bool is_draining;        /* it waits until everybody has gone */
};

static struct testbed *check_testbed(lua_State *L) {
  struct testbed *testbed = script_of(L)->testbed;
  if (!testbed) luaL_error(L, "no testbed is open");
  return testbed;
}

/* Only the test itself moves the time, by waiting. */
static struct testbed *check_test(lua_State *L) {
  struct script *script = script_of(L);
  struct testbed *testbed = check_testbed(L);
  if (!script->run || script->run->task != testbed->test) {
    luaL_error(L, "only the test itself can wait for this, no handler and no "
                  "other task");
  }
  return testbed;
}

/* ---- a turn */

static bool is_stirring(struct script *script) {
  struct server *server = script->server;
  return !list_is_empty(&script->ready) || !list_is_empty(&server->due) ||
         server_has_more(server);
}

void testbed_note_stir(struct script *script) {
  if (!script->testbed) return;
  script->testbed->quiet = 0;
  script->testbed->last_stir = loop_real_time(script->loop);
}

static bool is_quiet(struct script *script) {
  struct testbed *testbed = script->testbed;
  if (++testbed->quiet < QUIET_TURNS) return false;
  if (!loop_has_traffic(script->loop)) return true;
  uint64_t patience =
      loop_has_requests(script->loop) ? LONG_PATIENCE : PATIENCE;
  return loop_real_time(script->loop) - testbed->last_stir >= patience;
}

/* It would wait for ever, where nothing comes from outside either. */
static bool wait_for_outside(struct script *script, struct waiter *test) {
  if (loop_is_alive(script->loop)) return false;
  waiter_end(test, WAIT_LOST);
  return true;
}

static bool move_on(struct script *script) {
  struct testbed *testbed = script->testbed;
  struct waiter *test = task_waiter(testbed->test);
  if (!test->is_waiting) return false;
  if (testbed->is_settling) {
    testbed->is_settling = false;
    waiter_wake(test, 0);
    return true;
  }
  if (!loop_move_clock(script->loop)) return wait_for_outside(script, test);
  if (is_stirring(script)) testbed_note_stir(script);
  return true;
}

bool testbed_turn(struct script *script) {
  struct testbed *testbed = script->testbed;
  bool has_moved = virtual_network_run(&testbed->network);
  if (has_moved || is_stirring(script)) {
    testbed_note_stir(script);
    return true;
  }
  if (!task_exists(script, testbed->test)) return false;
  if (!is_quiet(script)) return true;
  testbed->quiet = 0;
  return move_on(script);
}

/* ---- as Lua sees it */

/* open(isLive) */
static int testbed_open(lua_State *L) {
  struct script *script = script_of(L);
  if (script->testbed) return luaL_error(L, "a testbed is open already");
  if (!script->run || !script->run->task) {
    return luaL_error(L, "a testbed is for a task");
  }
  struct testbed *testbed = mem_alloc_zeroed(1, sizeof *testbed);
  if (!testbed) return luaL_error(L, "out of memory");
  testbed->test = script->run->task;
  loop_hold_clock(script->loop);
  virtual_network_init(&testbed->network, script->server->clock,
                       lua_toboolean(L, 1));
  script->testbed = testbed;
  script->loop->network = &testbed->network;
  testbed_note_stir(script);
  return 0;
}

/* settle(): waits until nothing moves any more. */
static int testbed_settle(lua_State *L) {
  struct testbed *testbed = check_test(L);
  struct waiter *waiter = wait_begin(script_of(L), L);
  waiter->is_waiting = true;
  testbed->is_settling = true;
  return lua_yield(L, 0);
}

static void on_drained(void *owner) {
  struct script *script = owner;
  struct testbed *testbed = script->testbed;
  script->server->draining = script->server->is_parting = false;
  if (!testbed || !testbed->is_draining) return;
  testbed->is_draining = false;
  if (task_exists(script, testbed->test)) {
    waiter_wake(task_waiter(testbed->test), 0);
  }
}

/* drain(): says goodbye to everybody, as SIGTERM does, and waits until they are
 * gone. */
static int testbed_drain(lua_State *L) {
  struct script *script = script_of(L);
  struct testbed *testbed = check_test(L);
  struct waiter *waiter = wait_begin(script, L);
  waiter->is_waiting = testbed->is_draining = true;
  script_stop_listening(script);
  server_drain(script->server, on_drained, script);
  return lua_yield(L, 0);
}

static bool is_swept(const struct script *script) {
  return script->server->count == 0 &&
         virtual_network_is_empty(&script->testbed->network);
}

/* Those of luv's are found by collecting garbage, which takes its time: they
 * come last, once, and only if there are any. True when there were. */
static bool close_handles(struct script *script) {
  struct testbed *testbed = script->testbed;
  if (testbed->has_closed_handles || !loop_is_alive(script->loop)) return false;
  testbed->has_closed_handles = true;
  script_close_luv(script);
  return true;
}

/* sweep(): ends every connection, timer and task but the test itself, and what
 * was begun by luv. False while connections are on their way out: settle, and
 * sweep again. */
static int testbed_sweep(lua_State *L) {
  struct script *script = script_of(L);
  struct testbed *testbed = check_test(L);
  script_stop_listening(script);
  server_terminate(script->server);
  timers_cancel(&script->timers);
  strands_drop(script);
  tasks_drop_but(script, testbed->test);
  connects_end(script);
  caller_object_close_all(script);
  redis_object_close_all(script);
  lua_pushboolean(L, is_swept(script) && !close_handles(script));
  return 1;
}

/* close(): after the last sweep. */
static int testbed_close(lua_State *L) {
  struct script *script = script_of(L);
  check_testbed(L);
  if (!is_swept(script)) {
    return luaL_error(L, "connections are still open");
  }
  services_forget(script);
  testbed_free(script);
  return 0;
}

/* ---- impairments */

static void read_pieces(lua_State *L, struct impairment *impairment) {
  lua_getfield(L, 2, "pieces");
  size_t count = lua_isnil(L, -1) ? 0 : lua_objlen(L, -1);
  if (count > IMPAIRMENT_PIECES_MAX) {
    luaL_error(L, "%d sizes of pieces at most", IMPAIRMENT_PIECES_MAX);
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    lua_Number size = lua_tonumber(L, -1);
    if (!(size >= 1 && size <= 1 << 30)) {
      luaL_error(L, "the size of a piece must be 1 byte or more");
    }
    impairment->pieces[i] = (uint32_t)size;
    lua_pop(L, 1);
  }
  impairment->count = count;
  lua_pop(L, 1);
}

/* impair(conn, { rate = bytes a second, pieces = { bytes, ... } }): false for a
 * connection that is gone, or does not go out in this network. */
static int testbed_impair(lua_State *L) {
  struct connection *conn = connection_object_to(L, 1)->conn;
  struct impairment impairment = {0};
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "rate");
  lua_Number rate = luaL_optnumber(L, -1, 0);
  lua_pop(L, 1);
  if (!(rate >= 0 && rate <= 1 << 30)) {
    return luaL_error(L, "rate: a number of bytes a second is expected");
  }
  impairment.rate = (size_t)rate;
  read_pieces(L, &impairment);
  lua_pushboolean(L, conn && conn->transport &&
                         impairment_set(conn->transport, &impairment));
  return 1;
}

static const luaL_Reg functions[] = {
    {"close", testbed_close},
    {"drain", testbed_drain},
    {"impair", testbed_impair},
    {"open", testbed_open},
    {"settle", testbed_settle},
    {"sweep", testbed_sweep},
    {NULL, NULL},
};

void testbed_push(lua_State *L) {
  lua_newtable(L);
  class_register(L, functions);
}

void testbed_free(struct script *script) {
  struct testbed *testbed = script->testbed;
  if (!testbed) return;
  script->loop->network = NULL;
  script->testbed = NULL;
  loop_release_clock(script->loop);
  mem_free(testbed);
}
