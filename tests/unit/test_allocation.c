/*
 * test_allocation - memory runs out: in each of eight situations, each
 * allocation fails once, and from each one on all fail until the situation is
 * over; the core's (with libuv's and zlib's), Lua's, and those of the whole
 * heap, which other libraries use (support_starve). Whatever becomes of the
 * connection that was hit: the process lives, another connection notices
 * nothing, a new one is served, nothing stays open or allocated.
 *
 * A situation with tens of thousands of allocations (a TLS handshake) has the
 * first 2,000 of them fail, and of the later ones fewer and fewer; with
 * ALLOCATION=full in the environment, each.
 *
 * The sweeps run in children, so that one that ends is a failure which names
 * the allocation; the next child goes on behind it.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/pool.h"
#include "check.h"
#include "script/message.h"
#include "script/state.h"
#include "support_stage.h"
#include "support_starve.h"
#include "support_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  PEERS = 64,      /* of Redis */
  EACH = 2000,     /* allocations that fail in turn, one after the other */
  TURNS = 12,      /* in which a situation comes to its end */
  PATIENCE = 20,   /* seconds for one round: it hangs */
  AUDITED = 40,    /* rounds between two looks at what is allocated */
  LUA_SLACK = 400, /* blocks that tables and caches of Lua's may grow by */
};

#define DEFLATE_HANDSHAKE                                                      \
  "GET /deflate HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n"         \
  "Connection: Upgrade\r\nSec-WebSocket-Key: " STAGE_KEY "\r\n"                \
  "Sec-WebSocket-Version: 13\r\n"                                              \
  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

/* ---- the app and its server */

static struct stage *stage;
static struct loop loop;
static struct script *script;
static struct peer *bystander; /* connected all the time */
static struct tls_config *client_config;
static struct tls_end client; /* of the peer that speaks TLS */
static struct peer *secured;
static int version;
static char folder[32];

/* Answers each command with +OK. */
static struct {
  char path[64];
  int listener, peers[PEERS];
  int count;
} redis;

static void fill(const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (!CHECK(file != NULL)) return;
  for (const char *at = text; *at; at++) {
    if (strncmp(at, "VERSION", 7) == 0) {
      fprintf(file, "%d", version);
      at += 6;
    } else {
      fputc(*at, file);
    }
  }
  fclose(file);
}

static void write_app(void) {
  static char text[8192];
  FILE *file = fopen(UNIT_FOLDER "/allocation.lua", "r");
  if (!CHECK(file != NULL)) return;
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  version++;
  fill("app.lua", text);
  fill("part.lua", "return { version = function() return VERSION end }\n");
}

static void open_redis(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  redis.count = 0;
  snprintf(redis.path, sizeof redis.path, "%s/redis.sock", folder);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", redis.path);
  redis.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CHECK_EQ(bind(redis.listener, (struct sockaddr *)&address, sizeof address),
           0);
  CHECK_EQ(listen(redis.listener, 8), 0);
}

static bool answer_redis(int fd) {
  char bytes[4096];
  ssize_t length = recv(fd, bytes, sizeof bytes, 0);
  if (length == 0 || (length < 0 && errno != EAGAIN)) return false;
  for (ssize_t i = 0; i < length; i++) {
    if (bytes[i] == '*') send(fd, "+OK\r\n", 5, MSG_NOSIGNAL);
  }
  return true;
}

static void run_redis(void) {
  int fd = accept4(redis.listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd >= 0 && CHECK(redis.count < PEERS)) redis.peers[redis.count++] = fd;
  for (int i = 0; i < redis.count; i++) {
    if (answer_redis(redis.peers[i])) continue;
    close(redis.peers[i]);
    redis.peers[i--] = redis.peers[--redis.count];
  }
}

/* As far as it is the test's; listen.c has the rest. */
struct served {
  struct service base;
  struct list link;
};

/* The newest: a reload may have made another. */
static struct service *service_of(bool is_secure) {
  struct list *link = script->services.prev;
  for (; link != &script->services; link = link->prev) {
    struct service *base = &OWNER_OF(link, struct served, link)->base;
    if ((base->secure != NULL) == is_secure) return base;
  }
  CHECK(false);
  return NULL;
}

static void move_secured(void) {
  if (!secured || !client.transport) return;
  const struct buffer *out = memory_received(client.memory);
  peer_send_bytes(secured, out->bytes, out->length);
  memory_take(client.memory, out->length);
  memory_send(client.memory, secured->got, secured->length);
  secured->length = 0;
  memory_run(client.memory);
}

/* What is hungry is the server; all else here is the test's. */
static void run(int turns) {
  for (int i = 0; i < turns; i++) {
    starve_resume();
    manual_clock_advance(&stage->clock, 1);
    loop_turn(&loop);
    script_turn(script);
    stage_turn(stage);
    script_turn_done(script);
    starve_pause();
    move_secured();
    run_redis();
  }
}

/* ---- peers */

static struct peer *connect_with(const char *handshake, bool is_secure) {
  stage->served = service_of(is_secure);
  starve_resume();
  struct peer *peer = stage_connect(stage);
  starve_pause();
  if (!is_secure) peer_send_bytes(peer, handshake, strlen(handshake));
  starve_pause();
  run(3);
  return peer;
}

static struct peer *upgraded(void) {
  return connect_with(STAGE_HANDSHAKE, false);
}

static void say(struct peer *peer, enum opcode opcode, const char *text) {
  peer_frame(peer, opcode, text);
  starve_pause();
}

static void say_bytes(struct peer *peer, const char *notation) {
  peer_send(peer, notation);
  starve_pause();
}

/* Has it heard this, and nothing else? */
static bool heard(struct peer *peer, const char *expected) {
  const char *text = peer_heard(peer);
  bool is_it = strcmp(text, expected) == 0;
  if (getenv("ALLOCATION_SHOWN")) printf("heard %s\n", text);
  return is_it;
}

/* The messages that it has got, compressed or not, which are taken off. */
static int count_messages(struct peer *peer) {
  size_t at = 0;
  int count = 0;
  const uint8_t *got = peer->got;
  const char *end =
      peer->length ? memmem(got, peer->length, "\r\n\r\n", 4) : NULL;
  if (end) at = (size_t)((const uint8_t *)end - got) + 4;
  while (at + 4 <= peer->length) {
    size_t length = got[at + 1];
    size_t header = 2;
    if (length == 126) {
      length = (size_t)got[at + 2] << 8 | got[at + 3];
      header = 4;
    }
    count += (got[at] & 0x0F) == OP_TEXT;
    at += header + length;
  }
  peer->length = 0;
  return count;
}

/* ---- the situations: true when all went as it should */

static bool play_handshake(void) {
  return heard(upgraded(), "101");
}

static bool play_fragments(void) {
  struct peer *peer = upgraded();
  say_bytes(peer, "01 85 37 FA 21 3D 7F 9F 4D 51 58"); /* "Hello", no FIN */
  run(1);
  say(peer, OP_PING, "?");
  for (int i = 0; i < 3; i++) { /* grows the buffer each time */
    static uint8_t frame[8 + 30000] = {0x00, 0xFE, 0x75, 0x30, 0, 0, 0, 0};
    memset(frame + 8, 'o', sizeof frame - 8);
    peer_send_bytes(peer, frame, sizeof frame);
    starve_pause();
    run(1);
  }
  say_bytes(peer, "80 80 37 FA 21 3D");
  run(3);
  peer_heard(peer);
  return true;
}

static bool play_deflate(void) {
  struct peer *peer = connect_with(DEFLATE_HANDSHAKE, false);
  /* RFC 7692 7.2.3.1: "Hello", compressed; then with its context. */
  say_bytes(peer, "C1 87 00 00 00 00 F2 48 CD C9 C9 07 00");
  run(2);
  say_bytes(peer, "C1 85 00 00 00 00 F2 00 11 00 00");
  run(2);
  peer_frame_of(peer, OP_TEXT, 'a', 20000);
  starve_pause();
  run(2);
  return count_messages(peer) == 3;
}

static bool play_tls(void) {
  static const char hello[] = "\x81\x85\0\0\0\0Hello";
  secured = connect_with("", true);
  if (!CHECK(tls_end_open(&client, client_config))) return false;
  tls_end_send(&client, STAGE_HANDSHAKE, strlen(STAGE_HANDSHAKE));
  tls_end_send(&client, hello, sizeof hello - 1);
  run(10);
  bool is_whole =
      client.got.length > 7 &&
      memcmp(client.got.bytes + client.got.length - 7, "\x81\x05Hello", 7) == 0;
  if (client.transport) client.transport->ops->shutdown(client.transport);
  run(3);
  return is_whole;
}

static bool play_broadcast(void) {
  struct peer *peers[4];
  int got = 0;
  for (int i = 0; i < 4; i++) {
    peers[i] =
        connect_with(i == 3 ? DEFLATE_HANDSHAKE : STAGE_HANDSHAKE, false);
    say(peers[i], OP_TEXT, "!join");
  }
  run(2);
  say(peers[0], OP_TEXT, "!all");
  run(3);
  for (int i = 0; i < 4; i++) got += count_messages(peers[i]);
  return got == 4 + 4 + 3 + 4; /* joined, one by one, by topic, long */
}

static bool play_close(void) {
  struct peer *ours = upgraded(), *theirs = upgraded(), *dropped = upgraded();
  say(ours, OP_TEXT, "!close");
  say_bytes(theirs, "88 85 37 FA 21 3D 34 12 43 44 52"); /* 1000, "bye" */
  say(dropped, OP_TEXT, "!terminate");
  run(3);
  say_bytes(ours, "88 82 37 FA 21 3D 38 5A"); /* 4000 */
  run(3);
  if (ours->memory) memory_send_fin(ours->memory);
  if (theirs->memory) memory_send_fin(theirs->memory);
  run(3);
  return heard(ours, "101; text last; close 4000 bye; FIN; gone") &&
         heard(theirs, "101; close 1000 bye; FIN; gone") &&
         heard(dropped, "101; gone");
}

static bool play_reload(void) {
  struct peer *peer = upgraded();
  lua_getglobal(script->L, "allocation");
  lua_pushnil(script->L);
  lua_setfield(script->L, -2, "reloaded");
  lua_pop(script->L, 1);
  write_app();
  say(peer, OP_TEXT, "!reload");
  run(6);
  return heard(peer, "101");
}

static bool play_redis(void) {
  struct peer *peer = upgraded();
  say(peer, OP_TEXT, "!redis");
  run(30);
  return heard(peer, "101; text OK 2");
}

/* ---- one round */

static void ask(const char *name) {
  lua_State *L = script->L;
  lua_getglobal(L, "allocation");
  if (!CHECK(lua_istable(L, -1))) return;
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  if (lua_isfunction(L, -1)) CHECK_EQ(lua_pcall(L, 0, 1, 0), 0);
}

/* Old or new, but not something of each. */
static bool has_new_code(void) {
  int whole = 0, of_part = 0;
  ask("versions");
  const char *text = lua_tostring(script->L, -1);
  CHECK_EQ(sscanf(text ? text : "", "%d %d", &whole, &of_part), 2);
  lua_pop(script->L, 1);
  CHECK_EQ(whole, of_part);
  return whole == version;
}

static void check_reload(bool was_starved) {
  bool has_new = has_new_code();
  ask("reloaded");
  bool is_told_good = lua_toboolean(script->L, -1);
  lua_pop(script->L, 1);
  if (is_told_good) CHECK(has_new);
  if (!was_starved) CHECK(is_told_good);
}

static void end_peers(void) {
  if (secured) tls_end_close(&client);
  secured = NULL;
  for (size_t i = 1; i < stage->peer_count; i++) {
    struct peer *peer = &stage->peers[i];
    if (peer->memory) memory_break(peer->memory, -ECONNRESET);
  }
  ask("tidy");
  lua_pop(script->L, 1);
  run(4);
  for (int i = 0; i < 20 && stage->server.count > 1; i++) {
    manual_clock_advance(&stage->clock, 1000);
    run(4);
  }
}

static void check_echo(struct peer *peer, bool is_new) {
  say(peer, OP_TEXT, "still there?");
  run(2);
  CHECK_TEXT(peer_heard(peer),
             is_new ? "101; text still there?" : "text still there?");
}

/* The first one stays. */
static void forget_peers(void) {
  for (size_t i = 1; i < stage->peer_count; i++) {
    CHECK(stage->peers[i].memory == NULL);
    free(stage->peers[i].got);
  }
  stage->peer_count = 1;
}

static void check_at_rest(void) {
  end_peers();
  CHECK_EQ(stage->server.count, 1);
  CHECK(list_is_empty(&script->strands));
  CHECK(list_is_empty(&script->tasks));
  forget_peers();
}

struct holding {
  int64_t core, lua;
};

static struct holding audit(void) {
  for (int i = 0; i < 3; i++) {
    lua_gc(script->L, LUA_GCCOLLECT, 0);
    run(2); /* what the collector found is closed */
  }
  message_forget(script);
  tls_drain();
  pool_drain();
  return (struct holding){mem_in_use(), starve_lua_held()};
}

static struct holding before;

static void check_holding(void) {
  struct holding now = audit();
  CHECK(list_is_empty(&script->redis_links));
  CHECK_EQ(now.core, before.core);
  CHECK(now.lua < before.lua + LUA_SLACK);
  if (now.lua >= before.lua + LUA_SLACK)
    printf("Lua's blocks: %ld, before %ld\n", (long)now.lua, (long)before.lua);
}

/* ---- what LuaJIT does not survive */

static int call_original(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static void wrap(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, call_original, 1);
  lua_setfield(L, -2, name);
}

/* These it has in assembler, without a top of the stack of their own: when one
 * finds no memory, "not enough memory" is pushed wherever the top was last. If
 * that is the link to the frame before, unwinding ends in a crash. In plain
 * LuaJIT, of Debian 12 and of OpenResty, with an allocator that fails once:
 *
 *   local t = {}
 *   for i = 1, 6 do t[#t + 1] = ("%s=%s"):format("name", tostring(i + 0.5)) end
 *
 * Called from C, they find the top behind their arguments. */
static void wrap_fast_functions(lua_State *L) {
  static const char *const names[] = {"char", "lower", "reverse", "sub",
                                      "upper"};
  lua_getglobal(L, "string");
  for (int i = 0; i < 5; i++) wrap(L, names[i]);
  lua_pop(L, 1);
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  wrap(L, "tostring");
  lua_pop(L, 1);
}

/* ---- the rig */

static void open_rig(void) {
  static char certificate[64], key[64], app[64];
  char *arguments[] = {app, certificate, key, redis.path, NULL};
  struct script_options options = {.port = -1, .allocate = starve_lua_allocate};
  const struct tls_server_options *tls = tls_test_server();
  char error[TLS_ERROR_MAX];
  setenv("LUA_PATH",
         UNIT_FOLDER "/../../lua/?.lua;" UNIT_FOLDER "/../../lua/?/init.lua;;",
         1);
  snprintf(certificate, sizeof certificate, "%s", tls->pairs[0].certificate);
  snprintf(key, sizeof key, "%s", tls->pairs[0].key);
  strcpy(folder, "/tmp/ratchet-test-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(app, sizeof app, "%s/app.lua", folder);
  write_app();
  open_redis();
  CHECK_EQ(loop_init(&loop), 0);
  stage = stage_open();
  client_config = tls_client_config(tls_test_client(), error);
  CHECK(client_config != NULL);
  script = script_new(&loop, &stage->server, &options);
  wrap_fast_functions(script->L);
  CHECK(script_load(script, 4, arguments));
  script_begin_reloads(script);
  bystander = upgraded();
  CHECK(heard(bystander, "101"));
}

static void close_rig(void) {
  unlink(redis.path);
  script_stop_listening(script);
  script_end_waits(script);
  server_terminate(&stage->server);
  run(4);
  script_end_waits(script);
  script_close_handles(script);
  CHECK(loop_finish(&loop, 5000));
  script_free(script);
  tls_config_drop(client_config);
  tls_drain();
  tls_client_drain();
  stage_close(stage);
  loop_close(&loop);
  CHECK_EQ(starve_lua_held(), 0);
  close(redis.listener);
  for (int i = 0; i < redis.count; i++) close(redis.peers[i]);
}

static void remove_folder(void) {
  static const char *const names[] = {"app.lua", "part.lua", "redis.sock"};
  for (int i = 0; i < 3; i++) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

/* ---- the sweep */

struct situation {
  const char *name;
  bool (*play)(void);
};

/* Shared with the children, so that it is known where one ended. */
struct sweep {
  struct situation situation;
  enum starved place;
  bool is_sticky;
  uint64_t nth, allocations;
  int rounds;
  char folder[32];
};

static void describe(const struct sweep *sweep) {
  check_context("%s: %s allocation %d%s", sweep->situation.name,
                starve_name(sweep->place), (int)sweep->nth,
                sweep->is_sticky ? " and all after it" : "");
}

/* Was there an n-th allocation? */
static bool play_round(struct sweep *sweep) {
  describe(sweep);
  alarm(PATIENCE);
  starve(sweep->place, sweep->nth, sweep->is_sticky);
  starve_pause();
  bool is_whole = sweep->situation.play();
  bool was_starved = starve_end();
  sweep->allocations = starve_count();
  if (!was_starved) CHECK(is_whole);
  check_at_rest();
  if (sweep->situation.play == play_reload) check_reload(was_starved);
  check_echo(bystander, false);
  check_echo(upgraded(), true);
  check_at_rest();
  sweep->rounds++;
  return was_starved;
}

static uint64_t next_of(uint64_t nth) {
  static int is_full = -1;
  if (is_full < 0) {
    const char *asked = getenv("ALLOCATION");
    is_full = asked && strcmp(asked, "full") == 0;
  }
  return is_full || nth < EACH ? nth + 1 : nth + nth / 12;
}

static void sweep_on(struct sweep *sweep) {
  struct sweep warm = *sweep;
  int failures = check_failures();
  log_set_level(getenv("ALLOCATION_LOG") ? LOG_DEBUG : LOG_OFF);
  open_rig();
  strcpy(sweep->folder, folder);
  for (int i = 0; i < 12; i++) { /* what is made once is made here */
    warm.nth = 0;
    play_round(&warm);
  }
  before = audit();
  int since = 0;
  while (check_failures() == failures) {
    bool more = play_round(sweep);
    if (++since % AUDITED == 0 || !more) check_holding();
    if (!more) break;
    sweep->nth = next_of(sweep->nth);
  }
  check_no_context();
  close_rig();
  alarm(0);
}

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static bool sweep_in_child(struct sweep *sweep) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    int failures = check_failures(); /* the parent's */
    sweep_on(sweep);
    bool has_leaks = __lsan_do_recoverable_leak_check &&
                     __lsan_do_recoverable_leak_check() != 0;
    fflush(stdout);
    _exit(check_failures() > failures || has_leaks);
  }
  waitpid(child, &status, 0);
  memcpy(folder, sweep->folder, sizeof folder);
  remove_folder();
  describe(sweep);
  if (WIFSIGNALED(status)) CHECK_EQ(WTERMSIG(status), 0);
  return CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void sweep_all(const char *name, bool (*play)(void)) {
  enum { MOST_FAILURES = 3 };
  struct sweep *sweep = mmap(NULL, sizeof *sweep, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  tls_test_server(); /* its files are the parent's */
  for (int mode = 0; mode < 2 * STARVED_PLACES; mode++) {
    int bad = 0;
    *sweep = (struct sweep){.situation = {name, play},
                            .place = (enum starved)(mode / 2),
                            .is_sticky = mode % 2,
                            .nth = 1};
    while (!sweep_in_child(sweep) && ++bad < MOST_FAILURES) {
      sweep->nth = next_of(sweep->nth);
    }
    check_no_context();
    if (getenv("ALLOCATION")) {
      printf("%-9s %-10s %-15s %6d rounds of %6d allocations\n", name,
             starve_name(sweep->place),
             sweep->is_sticky ? "from there on" : "once", sweep->rounds,
             (int)sweep->allocations);
    }
  }
  munmap(sweep, sizeof *sweep);
}

TEST(allocation_fails_in_a_handshake) {
  sweep_all("handshake", play_handshake);
}

TEST(allocation_fails_among_fragments) {
  sweep_all("fragments", play_fragments);
}

TEST(allocation_fails_in_deflate) {
  sweep_all("deflate", play_deflate);
}

TEST(allocation_fails_in_tls) {
  sweep_all("tls", play_tls);
}

TEST(allocation_fails_in_a_broadcast) {
  sweep_all("broadcast", play_broadcast);
}

TEST(allocation_fails_in_a_close) {
  sweep_all("close", play_close);
}

TEST(allocation_fails_in_a_reload) {
  sweep_all("reload", play_reload);
}

TEST(allocation_fails_with_redis) {
  sweep_all("redis", play_redis);
}
