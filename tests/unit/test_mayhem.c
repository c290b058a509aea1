/*
 * test_mayhem - apps that do anything at any moment: see mayhem/app.lua. A
 * stage is closed in the middle of it, with all that waits. What must hold is
 * checked by mayhem_model.lua on the app's side, and here on the peers': what
 * was sent comes in order and without a hole, all of it before our close frame,
 * and nothing behind that; nothing is held or used after its end (with
 * sanitizers).
 *
 * MAYHEM=1000000 in the environment has so many actions done, MAYHEM_SEED=N
 * begins with another stage; a failure names the stage.
 */
#include "base/log.h"
#include "check.h"
#include "script/connection_object.h"
#include "script/endpoint.h"
#include "script/state.h"
#include "support_stage.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  ACTIONS = 60000, /* in about a second */
  STEPS = 250,
  MOST = 64,     /* peers at a time */
  PATIENCE = 60, /* seconds for one stage: it hangs */
};

/* A peer, and what it has got. */
struct listener {
  struct peer *peer;
  lua_Integer id;           /* of its connection, 0 before that is decided */
  unsigned told;            /* messages that it has sent */
  lua_Integer heard;        /* the last number of what was sent to it alone, */
  lua_Integer heard_of_all; /* and of what was sent to several */
  bool has_head, has_close;
};

static struct stage *stage;
static struct loop loop;
static struct script *script;
static struct listener peers[MOST];
static int count;
static unsigned seed;
static lua_Integer done, reloads;
static unsigned current; /* stage */
static int current_step; /* -1 when it is being closed */

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

static struct listener *listener_of(const struct connection *conn) {
  for (int i = 0; i < count; i++) {
    struct memory_transport *memory = peers[i].peer->memory;
    if (memory && memory_transport_face(memory) == conn->transport) {
      return &peers[i];
    }
  }
  return NULL;
}

static void decide(struct stage *of, struct connection *conn) {
  (void)of;
  struct listener *listener = listener_of(conn);
  if (CHECK(listener != NULL)) listener->id = (lua_Integer)conn->id;
  push_field(random_below(3) ? "endpoint" : "runner");
  struct script_endpoint *endpoint = script_to_endpoint(script->L, -1);
  lua_pop(script->L, 1);
  connection_upgrade(conn, &endpoint->base, SLICE(""), SLICE(""));
}

static void open_stage(unsigned number) {
  static char app[] = UNIT_FOLDER "/mayhem/app.lua";
  char *arguments[] = {app, NULL};
  struct script_options options = {.port = -1};
  seed = number;
  count = 0;
  stage = stage_open();
  stage->decide = decide;
  script = script_new(&loop, &stage->server, &options);
  CHECK(script_load(script, 1, arguments));
  script_begin_reloads(script);
  ask("begin", number);
}

/* ---- what peers have got */

/* A message is "s12 ..." or "b34 ...", the numbers of each kind in order. */
static void take_message(struct listener *listener, const char *text,
                         size_t length) {
  char digits[24] = "";
  memcpy(digits, text, length < 23 ? length : 23);
  lua_Integer number = atol(digits + 1);
  if (digits[0] == 's') {
    CHECK_EQ(number, listener->heard + 1);
    listener->heard = number;
  } else if (CHECK_EQ(digits[0], 'b')) {
    CHECK(number > listener->heard_of_all);
    listener->heard_of_all = number;
  }
}

static void take_close(struct listener *listener, const uint8_t *payload,
                       size_t length) {
  int code = length >= 2 ? payload[0] << 8 | payload[1] : 0;
  lua_Integer final = ask("final", listener->id);
  listener->has_close = true;
  if (code == 4000 && final >= 0) CHECK_EQ(listener->heard, final);
}

static size_t take_frame(struct listener *listener, const uint8_t *at,
                         size_t left) {
  size_t header = 2;
  if (left < header) return 0;
  uint64_t length = at[1];
  int more = length == 127 ? 8 : length == 126 ? 2 : 0;
  header += (size_t)more;
  if (left < header) return 0;
  if (more) length = 0;
  for (int i = 0; i < more; i++) length = length << 8 | at[2 + i];
  if (left < header + length) return 0;
  int opcode = at[0] & 0x0F;
  CHECK(!listener->has_close);
  if (opcode == OP_CLOSE) take_close(listener, at + header, length);
  if (opcode == OP_TEXT || opcode == OP_BINARY) {
    take_message(listener, (const char *)at + header, length);
  }
  return header + length;
}

static void take_all(struct listener *listener) {
  struct peer *peer = listener->peer;
  size_t at = 0, used;
  if (!listener->has_head) {
    const uint8_t *end =
        peer->length ? memmem(peer->got, peer->length, "\r\n\r\n", 4) : NULL;
    if (!end) return;
    listener->has_head = true;
    at = (size_t)(end - peer->got) + 4;
  }
  while ((used = take_frame(listener, peer->got + at, peer->length - at))) {
    at += used;
  }
  if (at == 0) return;
  memmove(peer->got, peer->got + at, peer->length - at);
  peer->length -= at;
}

static void run_turns(int turns) {
  for (int i = 0; i < turns; i++) {
    script_turn(script);
    stage_turn(stage);
    for (int peer = 0; peer < count; peer++) take_all(&peers[peer]);
  }
}

static void show_violations(void) {
  lua_Integer violations = ask("violations", 0);
  CHECK_EQ(violations, 0);
  for (lua_Integer i = 1; i <= violations && i <= 3; i++) {
    push_field("violation");
    lua_pushinteger(script->L, i);
    CHECK_EQ(lua_pcall(script->L, 1, 1, 0), 0);
    printf("%s\n", lua_tostring(script->L, -1));
    lua_pop(script->L, 1);
  }
}

/* As main does it when a second signal comes. */
static void close_stage(void) {
  script_stop_listening(script);
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
  show_violations();
  done += ask("done", 0);
  reloads += ask("reloads", 0);
  script_close_handles(script);
  CHECK(loop_finish(&loop, 10000));
  script_free(script);
  stage_close(stage);
}

/* ---- what peers do */

/* In a place of one that has gone, if there is none. */
static void arrive(void) {
  int place = count < MOST ? count : random_below(MOST);
  bool is_free = count < MOST || !peers[place].peer->memory;
  if (!is_free || stage->peer_count == STAGE_PEERS) return;
  if (count < MOST) count++;
  peers[place] = (struct listener){.peer = stage_connect(stage)};
  peer_send_bytes(peers[place].peer, STAGE_HANDSHAKE, strlen(STAGE_HANDSHAKE));
}

static void send_some(struct listener *listener) {
  char text[16];
  for (int i = random_below(random_below(6) ? 4 : 20); i >= 0; i--) {
    snprintf(text, sizeof text, "m%u", ++listener->told);
    peer_frame(listener->peer, random_below(2) ? OP_TEXT : OP_BINARY, text);
  }
}

static void act(struct listener *listener) {
  struct peer *peer = listener->peer;
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
  default: send_some(listener);
  }
}

static void step(void) {
  if (count == 0 || random_below(8) == 0) arrive();
  struct listener *listener = &peers[random_below(count)];
  if (listener->peer->memory) act(listener);
  if (random_below(3) == 0) {
    manual_clock_advance(&stage->clock, (uint64_t)random_below(15));
  }
  if (random_below(200) == 0) manual_clock_advance(&stage->clock, 400);
  run_turns(random_below(3));
}

static void say_line(lua_State *L, lua_Debug *event) {
  (void)event;
  luaL_traceback(L, L, "Lua is at", 0);
  dprintf(STDOUT_FILENO, "%s\n", lua_tostring(L, -1));
  _exit(1);
}

/* Ends the child: at once in Lua, in C when no Lua has run for a second. */
static void say_where(int signal) {
  static bool is_said;
  void *frames[64];
  (void)signal;
  if (is_said) _exit(1);
  is_said = true;
  dprintf(STDOUT_FILENO, "stage %u takes more than %d s, step %d:\n", current,
          PATIENCE, current_step);
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDOUT_FILENO);
  alarm(1);
  lua_sethook(script->L, say_line, LUA_MASKCOUNT, 1);
}

static void play_stage(void) {
  alarm(PATIENCE);
  current_step = 0;
  open_stage(current);
  for (int i = 0; i < MOST; i++) arrive();
  int steps = random_below(STEPS) + 1;
  for (; current_step < steps; current_step++) step();
  current_step = -1;
  close_stage();
  alarm(0);
}

static lua_Integer option(const char *name, lua_Integer otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

static void play(void) {
  lua_Integer most = option("MAYHEM", ACTIONS);
  unsigned first = (unsigned)option("MAYHEM_SEED", 1);
  setenv("LUA_PATH",
         UNIT_FOLDER "/?.lua;" UNIT_FOLDER "/../../lua/?.lua;" UNIT_FOLDER
                     "/../../lua/?/init.lua;;",
         1);
  log_set_level(LOG_OFF);
  CHECK_EQ(loop_init(&loop), 0);
  signal(SIGALRM, say_where);
  for (current = first; done < most && check_failures() == 0; current++) {
    check_context("stage %u", current);
    play_stage();
  }
  check_no_context();
  CHECK(check_failures() > 0 || reloads > 0);
  loop_close(&loop);
  if (!getenv("MAYHEM")) return;
  printf("%ld actions, %ld reloads among them, on %u stages\n", (long)done,
         (long)reloads, current - first);
}

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

/* In a child: libuv is done with signals, which reloads are asked for by, as
 * soon as one loop of a process has been closed. */
TEST(apps_do_anything_at_any_moment) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    play();
    bool has_leaks = __lsan_do_recoverable_leak_check &&
                     __lsan_do_recoverable_leak_check() != 0;
    fflush(stdout);
    _exit(check_failures() > 0 || has_leaks);
  }
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
