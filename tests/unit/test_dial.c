/*
 * test_dial - outgoing connections on the loopback: to what answers, to what
 * does not, and to nothing; cancelled at every point, and without memory.
 */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "net/dial.h"
#include "net/listener.h"
#include "support_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURNS = 2000000, PLENTY = 10 * 1000 };

/* What `done` told. */
static struct {
  int calls, error, closed;
  struct transport *transport;
  char reason[256];
} told;

static struct loop loop;
static struct listener *listener;
static int accepted;
static struct transport *others[64];
static int64_t held;

static void ours_closed(void *owner) {
  CHECK(owner == &told);
  told.closed++;
}

static size_t no_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static const struct transport_events ours = {.space = no_space,
                                             .closed = ours_closed};

static void on_done(void *owner, struct transport *transport, int error,
                    const char *reason) {
  CHECK(owner == &told);
  CHECK((transport == NULL) == (error < 0));
  told.calls++;
  told.error = error;
  told.transport = transport;
  snprintf(told.reason, sizeof told.reason, "%s", reason ? reason : "");
  if (!transport) return;
  transport->events = &ours;
  transport->owner = &told;
}

static void on_accepted(void *owner, struct transport *transport) {
  (void)owner;
  others[accepted++ % 64] = transport;
}

static bool run_until_told(void) {
  for (int left = TURNS; told.calls == 0 && left > 0; left--) loop_turn(&loop);
  return told.calls > 0;
}

static void some_turns(void) {
  for (int i = 0; i < 50; i++) loop_turn(&loop);
}

static void set_up(void) {
  pool_drain();
  held = mem_in_use();
  memset(&told, 0, sizeof told);
  accepted = 0;
  listener = NULL;
  CHECK_EQ(loop_init(&loop), 0);
}

static void close_ours(void) {
  if (!told.transport) return;
  told.transport->ops->close(told.transport);
  told.transport = NULL;
}

static void tear_down(void) {
  close_ours();
  some_turns();
  for (int i = 0; i < accepted; i++) others[i]->ops->close(others[i]);
  if (listener) listener_close(listener);
  loop_close(&loop);
  tls_drain();
  pool_drain();
  CHECK_EQ(mem_in_use(), held);
}

static void listen_at(const char *host) {
  CHECK_EQ(listener_open_tcp(&loop, host, 0, 0, on_accepted, NULL, &listener),
           0);
}

/* A port that nobody listens on. */
static int free_port(void) {
  listen_at("127.0.0.1");
  int port = listener_port(listener);
  listener_close(listener);
  listener = NULL;
  some_turns();
  return port;
}

static struct dial *begin(const char *host, int port, uint32_t timeout) {
  struct dial_target target = {.host = host, .port = port};
  struct dial *dial = dial_start(&loop, &target, timeout, on_done, &told);
  CHECK_EQ(told.calls, 0);
  return dial;
}

TEST(dial_connects_to_an_address) {
  set_up();
  listen_at("127.0.0.1");
  CHECK(begin("127.0.0.1", listener_port(listener), PLENTY) != NULL);
  CHECK(run_until_told());
  CHECK_EQ(told.error, 0);
  struct address peer = told.transport->ops->peer(told.transport);
  CHECK_EQ(peer.port, listener_port(listener));
  some_turns();
  CHECK_EQ(accepted, 1);
  CHECK_EQ(told.calls, 1);
  close_ours();
  some_turns();
  CHECK_EQ(told.closed, 1);
  tear_down();
}

/* "localhost" may be ::1 first, where nobody listens. */
TEST(dial_tries_every_address_of_a_name) {
  set_up();
  listen_at("127.0.0.1");
  CHECK(begin("localhost", listener_port(listener), PLENTY) != NULL);
  CHECK(run_until_told());
  CHECK_EQ(told.error, 0);
  tear_down();
}

TEST(dial_connects_over_ipv6) {
  set_up();
  int error =
      listener_open_tcp(&loop, "::1", 0, 0, on_accepted, NULL, &listener);
  if (error) {
    CHECK(error == UV_EADDRNOTAVAIL || error == UV_EAFNOSUPPORT);
  } else {
    CHECK(begin("::1", listener_port(listener), PLENTY) != NULL);
    CHECK(run_until_told());
    CHECK_EQ(told.error, 0);
  }
  tear_down();
}

TEST(dial_connects_to_a_unix_socket) {
  char folder[] = "/tmp/ratchet-test-XXXXXX", path[64];
  struct dial_target target = {.path = path};

  set_up();
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/socket", folder);
  CHECK_EQ(listener_open_pipe(&loop, path, -1, on_accepted, NULL, &listener),
           0);
  CHECK(dial_start(&loop, &target, PLENTY, on_done, &told) != NULL);
  CHECK(run_until_told());
  CHECK_EQ(told.error, 0);
  CHECK_EQ(told.transport->ops->peer(told.transport).family, 0);
  tear_down();
  CHECK_EQ(rmdir(folder), 0);
}

TEST(dial_says_who_refused) {
  char expected[128];

  set_up();
  int port = free_port();
  begin("127.0.0.1", port, PLENTY);
  CHECK(run_until_told());
  CHECK_EQ(told.error, UV_ECONNREFUSED);
  snprintf(expected, sizeof expected, "127.0.0.1 port %d: connection refused",
           port);
  CHECK_TEXT(told.reason, expected);
  tear_down();
}

TEST(dial_says_that_every_address_refused) {
  set_up();
  begin("localhost", free_port(), PLENTY);
  CHECK(run_until_told());
  CHECK(told.error == UV_ECONNREFUSED || told.error == UV_EADDRNOTAVAIL);
  CHECK(strstr(told.reason, "localhost port ") == told.reason);
  CHECK(strstr(told.reason, "): ") != NULL);
  tear_down();
}

TEST(dial_says_that_there_is_no_such_name) {
  set_up();
  begin("no.such.host.invalid", 80, PLENTY);
  CHECK(run_until_told());
  CHECK(told.error < 0);
  CHECK(strstr(told.reason, "no.such.host.invalid port 80: ") == told.reason);
  tear_down();
}

static void check_refused(struct dial_target target, int error,
                          const char *reason) {
  memset(&told, 0, sizeof told);
  CHECK(dial_start(&loop, &target, PLENTY, on_done, &told) != NULL);
  CHECK_EQ(told.calls, 0);
  CHECK(run_until_told());
  CHECK_EQ(told.error, error);
  CHECK(strstr(told.reason, reason) != NULL);
}

TEST(dial_refuses_a_target_that_is_none) {
  char longest[sizeof((struct sockaddr_un *)0)->sun_path + 1] = "/";

  set_up();
  memset(longest, 'a', sizeof longest - 1);
  check_refused((struct dial_target){.host = "::1"}, UV_EINVAL,
                "::1 port 0: invalid argument");
  check_refused((struct dial_target){.host = "a", .port = 65536}, UV_EINVAL,
                "invalid argument");
  check_refused((struct dial_target){.host = "", .port = 1}, UV_EINVAL,
                "invalid argument");
  check_refused((struct dial_target){.path = ""}, UV_EINVAL,
                "invalid argument");
  check_refused((struct dial_target){.path = longest}, UV_ENAMETOOLONG,
                "name too long");
  check_refused((struct dial_target){.path = "/nowhere/socket"}, UV_ENOENT,
                "/nowhere/socket: no such file");
  check_refused((struct dial_target){.host = "::1",
                                     .port = 1,
                                     .is_secure = true,
                                     .tls.ca = "/nowhere.pem"},
                UV_EINVAL, "::1 port 1: /nowhere.pem: No such file");
  tear_down();
}

/* A listener whose queue is full answers nobody. */
static int silent_port(int *listening, int fillers[64]) {
  struct sockaddr_in name;
  socklen_t length = sizeof name;

  *listening = socket(AF_INET, SOCK_STREAM, 0);
  uv_ip4_addr("127.0.0.1", 0, &name);
  CHECK_EQ(bind(*listening, (struct sockaddr *)&name, sizeof name), 0);
  CHECK_EQ(listen(*listening, 0), 0);
  getsockname(*listening, (struct sockaddr *)&name, &length);
  for (int i = 0; i < 8; i++) {
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!connect(fillers[i], (struct sockaddr *)&name, sizeof name);
  }
  return ntohs(name.sin_port);
}

TEST(dial_gives_up_in_time) {
  int listening, fillers[64];

  set_up();
  int port = silent_port(&listening, fillers);
  begin("127.0.0.1", port, 60);
  uint64_t before = uv_now(&loop.uv);
  CHECK(run_until_told());
  CHECK_EQ(told.error, UV_ETIMEDOUT);
  CHECK(uv_now(&loop.uv) - before >= 59);
  CHECK(strstr(told.reason, ": no answer in time") != NULL);
  for (int i = 0; i < 8; i++) close(fillers[i]);
  close(listening);
  tear_down();
}

TEST(dial_leaves_the_last_descriptors_alone) {
  set_up();
  listen_at("127.0.0.1");
  loop.last_descriptors = 1;
  begin("127.0.0.1", listener_port(listener), PLENTY);
  CHECK(run_until_told());
  CHECK_EQ(told.error, UV_EMFILE);
  tear_down();
}

/* Cancelled after no turn, one, two, ...: nothing is told and nothing leaks,
 * wherever it was; the lookup in libuv's thread included. */
TEST(dial_is_cancelled_at_any_point) {
  const char *hosts[] = {"127.0.0.1", "localhost", "no.such.host.invalid"};

  for (size_t host = 0; host < 3; host++) {
    for (int turns = 0; turns < 8; turns++) {
      check_context("%s after %d turns", hosts[host], turns);
      set_up();
      listen_at("127.0.0.1");
      struct dial *dial = begin(hosts[host], listener_port(listener), PLENTY);
      for (int i = 0; i < turns && told.calls == 0; i++) loop_turn(&loop);
      int calls = told.calls;
      if (calls == 0) dial_cancel(dial);
      some_turns();
      CHECK_EQ(told.calls, calls);
      tear_down();
    }
  }
  check_no_context();
}

TEST(dial_says_when_there_is_no_memory) {
  const char *hosts[] = {"127.0.0.1", "localhost"};

  for (size_t host = 0; host < 2; host++) {
    bool has_succeeded = false;
    for (uint64_t n = 1; !has_succeeded && n < 50; n++) {
      check_context("%s, allocation %d", hosts[host], (int)n);
      set_up();
      listen_at("127.0.0.1");
      int port = listener_port(listener);
      mem_fail_at(n, false);
      struct dial *dial = begin(hosts[host], port, PLENTY);
      if (dial) CHECK(run_until_told());
      mem_fail_at(0, false);
      CHECK(!dial || told.error == 0 || told.error == UV_ENOMEM);
      has_succeeded = dial && told.error == 0;
      tear_down();
    }
    CHECK(has_succeeded);
  }
  check_no_context();
}

/* ---- over TLS, to a server of our own */

static struct tls_server *securing;

static void other_ended(void *owner, int error) {
  (void)owner;
  (void)error;
}

static void other_closed(void *owner) {
  (void)owner;
}

static const struct transport_events of_other = {
    .space = no_space, .ended = other_ended, .closed = other_closed};

static void on_accepted_secure(void *owner, struct transport *below) {
  (void)owner;
  struct transport *transport = tls_server_wrap(securing, below);
  if (!transport) {
    below->ops->close(below);
    return;
  }
  transport->events = &of_other;
  others[accepted++ % 64] = transport;
  transport->ops->start_reading(transport);
}

/* As who has no memory for what it is to be: it is not taken over. */
static void close_at_once(void *owner, struct transport *transport, int error,
                          const char *reason) {
  (void)owner;
  CHECK_EQ(error, 0);
  CHECK(!reason);
  told.calls++;
  transport->ops->close(transport);
}

static void dial_secure(dial_done done) {
  char error[TLS_ERROR_MAX];
  securing = tls_server_new(NULL, tls_test_server(), error);
  CHECK(securing != NULL);
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", 0, 0, on_accepted_secure, NULL,
                             &listener),
           0);
  struct dial_target target = {.host = "127.0.0.1",
                               .port = listener_port(listener),
                               .is_secure = true,
                               .tls = *tls_test_client(),
                               .server_name = "localhost"};
  CHECK(dial_start(&loop, &target, PLENTY, done, &told) != NULL);
  CHECK(run_until_told());
  CHECK_TEXT(told.reason, "");
  tls_server_free(securing);
}

TEST(dial_agrees_on_tls) {
  set_up();
  dial_secure(on_done);
  tear_down();
  CHECK_EQ(told.closed, 1);
}

TEST(dial_hands_tls_over_to_who_closes_it) {
  set_up();
  dial_secure(close_at_once);
  tear_down();
  CHECK_EQ(told.closed, 0);
}
