/* A connection to Redis: its life from each state to its end, on a real loop,
 * against a server that answers whatever comes with "+OK". */
#include "check.h"

#include "base/mem.h"
#include "net/loop.h"
#include "net/redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURNS = 20000, LARGE = 8 * 1024 * 1024, MOST_REPLY = 1000, PEERS = 8 };

/* ---- the server */

static struct {
  struct loop loop;
  uv_pipe_t listener, peers[PEERS];
  int count; /* of the peers that ever came */
  bool is_mute;
  size_t received;
  char folder[32], path[64];
} rig;

static char server_space[65536];

static void on_server_space(uv_handle_t *handle, size_t suggested,
                            uv_buf_t *space) {
  (void)handle, (void)suggested;
  *space = uv_buf_init(server_space, sizeof server_space);
}

static void on_received(uv_stream_t *peer, ssize_t length,
                        const uv_buf_t *space) {
  (void)space;
  if (length <= 0) {
    uv_read_stop(peer);
    return;
  }
  rig.received += (size_t)length;
  uv_buf_t answer = uv_buf_init((char *)(uintptr_t) "+OK\r\n", 5);
  if (!rig.is_mute) uv_try_write(peer, &answer, 1);
}

static void on_peer(uv_stream_t *listener, int error) {
  CHECK_EQ(error, 0);
  CHECK(rig.count < PEERS);
  uv_stream_t *peer = (uv_stream_t *)&rig.peers[rig.count++];
  uv_pipe_init(&rig.loop.uv, (uv_pipe_t *)peer, 0);
  uv_accept(listener, peer);
  uv_read_start(peer, on_server_space, on_received);
}

static void set_up(void) {
  memset(&rig, 0, sizeof rig);
  snprintf(rig.folder, sizeof rig.folder, "/tmp/redis-test-XXXXXX");
  CHECK(mkdtemp(rig.folder) != NULL);
  snprintf(rig.path, sizeof rig.path, "%s/socket", rig.folder);
  CHECK_EQ(loop_init(&rig.loop), 0);
  uv_pipe_init(&rig.loop.uv, &rig.listener, 0);
  CHECK_EQ(uv_pipe_bind(&rig.listener, rig.path), 0);
  CHECK_EQ(uv_listen((uv_stream_t *)&rig.listener, 8, on_peer), 0);
}

static void tear_down(void) {
  loop_close(&rig.loop);
  unlink(rig.path);
  rmdir(rig.folder);
}

/* ---- the client */

static struct {
  struct redis *redis;
  bool is_ready, closes_when_ready, closes_when_readable;
  size_t replies;
  char lost[64];
} client;

static void close_client(void) {
  if (client.redis) redis_close(client.redis);
  client.redis = NULL;
}

static void on_ready(void *owner) {
  (void)owner;
  client.is_ready = true;
  if (client.closes_when_ready) close_client();
}

static void on_readable(void *owner, struct redis_reader *reader) {
  (void)owner;
  while (redis_reader_take(reader)) client.replies++;
  if (client.closes_when_readable) close_client();
}

static void on_lost(void *owner, const char *reason) {
  (void)owner;
  CHECK_TEXT(client.lost, "");
  snprintf(client.lost, sizeof client.lost, "%s", reason);
}

static const struct redis_events events = {
    .ready = on_ready, .readable = on_readable, .lost = on_lost};

static void open_client(const char *path, const char *host) {
  struct redis_address address = {.host = host, .port = 1, .path = path};
  memset(&client, 0, sizeof client);
  client.redis = redis_open(&rig.loop, &address, MOST_REPLY, &events, NULL);
}

static void send_text(const char *text) {
  CHECK(buffer_append_text(redis_output(client.redis), text));
  redis_flush(client.redis);
}

#define RUN_UNTIL(condition)                                                   \
  for (int turn = 0; turn < TURNS && !(condition); turn++) {                   \
    loop_turn(&rig.loop);                                                      \
    usleep(100);                                                               \
  }                                                                            \
  CHECK(condition)

static void run_a_little(void) {
  for (int turn = 0; turn < 20; turn++) loop_turn(&rig.loop);
}

TEST(redis_sends_and_hears) {
  set_up();
  open_client(rig.path, NULL);
  CHECK(!client.is_ready);
  RUN_UNTIL(client.is_ready);
  send_text("*1\r\n$4\r\nPING\r\n");
  RUN_UNTIL(client.replies == 1);
  CHECK_EQ(redis_queued(client.redis), 0);
  close_client();
  tear_down();
  CHECK_TEXT(client.lost, "");
}

TEST(redis_sends_what_the_kernel_does_not_take_at_once) {
  set_up();
  rig.is_mute = true;
  open_client(rig.path, NULL);
  RUN_UNTIL(client.is_ready);
  CHECK(buffer_reserve(redis_output(client.redis), LARGE));
  memset(redis_output(client.redis)->bytes, 'x', LARGE);
  redis_output(client.redis)->length = LARGE;
  redis_flush(client.redis);
  CHECK(redis_queued(client.redis) > 0);
  send_text("behind"); /* waits for its turn */
  RUN_UNTIL(rig.received == LARGE + 6);
  CHECK_EQ(redis_queued(client.redis), 0);
  close_client();
  tear_down();
}

TEST(redis_is_not_read_while_it_is_paused) {
  set_up();
  open_client(rig.path, NULL);
  redis_pause(client.redis);
  RUN_UNTIL(client.is_ready);
  send_text("a");
  RUN_UNTIL(rig.received == 1);
  run_a_little();
  CHECK_EQ(client.replies, 0);
  redis_resume(client.redis);
  RUN_UNTIL(client.replies == 1);
  close_client();
  tear_down();
}

TEST(redis_says_why_it_is_lost) {
  set_up();
  open_client("/nowhere/redis.sock", NULL);
  RUN_UNTIL(client.lost[0]);
  CHECK_TEXT(client.lost, "no such file or directory");
  close_client();
  open_client(NULL, "127.0.0.1");
  RUN_UNTIL(client.lost[0]);
  CHECK_TEXT(client.lost, "connection refused");
  close_client();
  open_client(rig.path, NULL);
  RUN_UNTIL(client.is_ready && rig.count == 1);
  uv_close((uv_handle_t *)&rig.peers[0], NULL);
  RUN_UNTIL(client.lost[0]);
  CHECK_TEXT(client.lost, "the server closed the connection");
  redis_pause(client.redis);
  redis_resume(client.redis);
  redis_flush(client.redis);
  run_a_little();
  close_client();
  tear_down();
}

TEST(redis_refuses_a_path_that_would_be_cut) {
  char path[200];
  memset(path, 'x', sizeof path);
  path[0] = '/';
  path[sizeof path - 1] = '\0';
  set_up();
  open_client(path, NULL);
  CHECK_TEXT(client.lost, ""); /* from the loop, not from inside */
  RUN_UNTIL(client.lost[0]);
  CHECK_TEXT(client.lost, "name too long");
  close_client();
  tear_down();
}

/* Who is paused hears of the end by what it sends. */
TEST(redis_is_lost_by_what_cannot_be_sent) {
  signal(SIGPIPE, SIG_IGN); /* as the program does */
  set_up();
  open_client(rig.path, NULL);
  RUN_UNTIL(client.is_ready && rig.count == 1);
  redis_pause(client.redis);
  uv_close((uv_handle_t *)&rig.peers[0], NULL);
  run_a_little();
  CHECK_TEXT(client.lost, "");
  send_text("a");
  CHECK_TEXT(client.lost, ""); /* nobody is told from inside a send */
  RUN_UNTIL(client.lost[0]);
  CHECK_TEXT(client.lost, "broken pipe");
  close_client();

  open_client(rig.path, NULL);
  RUN_UNTIL(client.is_ready && rig.count == 2);
  redis_pause(client.redis);
  uv_read_stop((uv_stream_t *)&rig.peers[1]);
  CHECK(buffer_reserve(redis_output(client.redis), LARGE));
  memset(redis_output(client.redis)->bytes, 'x', LARGE);
  redis_output(client.redis)->length = LARGE;
  redis_flush(client.redis);
  CHECK(redis_queued(client.redis) > 0); /* half of it is with libuv */
  uv_close((uv_handle_t *)&rig.peers[1], NULL);
  RUN_UNTIL(client.lost[0]);
  close_client();
  tear_down();
}

TEST(redis_is_closed_in_any_state) {
  set_up();
  open_client(rig.path, NULL);
  close_client();
  run_a_little();
  open_client(NULL, "localhost"); /* while it is looked up */
  close_client();
  run_a_little();
  open_client(NULL, "localhost"); /* while it is connecting, or closing to try
                                     the other address */
  for (int i = 0; i < 3; i++) loop_turn(&rig.loop);
  close_client();
  run_a_little();
  open_client(rig.path, NULL);
  client.closes_when_ready = true;
  RUN_UNTIL(client.is_ready);
  run_a_little();
  open_client(rig.path, NULL);
  client.closes_when_readable = true;
  RUN_UNTIL(client.is_ready);
  send_text("a");
  RUN_UNTIL(client.replies > 0);
  run_a_little();
  CHECK_TEXT(client.lost, "");
  tear_down();
}

TEST(redis_opens_without_memory) {
  set_up();
  for (int n = 1; n < 6; n++) {
    mem_fail_at((uint64_t)n, false);
    open_client(NULL, "127.0.0.1");
    mem_fail_at(0, false);
    if (!client.redis) continue;
    RUN_UNTIL(client.lost[0]);
    close_client();
    run_a_little();
  }
  tear_down();
}
