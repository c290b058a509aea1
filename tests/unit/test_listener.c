/*
 * test_listener - real sockets on the loopback: what the kernel adds to the
 * transports that other tests have in memory.
 *
 * The client is libuv too, on the same loop; turns are run until something has
 * come true, or far too many have passed.
 */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "net/listener.h"
#include "net/local_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURNS = 200000, LARGE = 16 * 1024 * 1024 };

/* The server's end of a connection, as its owner: reads, echoes, counts. */
struct end {
  struct transport *transport;
  bool echoes;
  size_t length; /* bytes read; the first of them are kept */
  char bytes[64];
  int ended, written, closed;
  int error; /* of the last ended or written */
};

/* A client on the same loop. */
struct client {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
  uv_connect_t connect;
  uv_write_t write;
  char space[65536], bytes[64];
  size_t length; /* bytes read; the first of them are kept */
  bool is_connected, has_ended, is_closed;
};

static struct loop loop;
static struct listener *listener;
static struct end end;
static struct client client;
static int accepted, turns_of_loop;
static int64_t held;

/* ---- the server's end */

static size_t end_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void end_read(void *owner, uint8_t *bytes, size_t length) {
  struct slice piece = {(const char *)bytes, length};

  CHECK(owner == &end);
  if (end.length + length < sizeof end.bytes) {
    memcpy(end.bytes + end.length, bytes, length);
  }
  end.length += length;
  if (!end.echoes) return;
  CHECK_EQ(end.transport->ops->try_write(end.transport, &piece, 1), length);
}

static void end_ended(void *owner, int error) {
  CHECK(owner == &end);
  end.ended++;
  end.error = error;
}

static void end_written(void *owner, int error) {
  CHECK(owner == &end);
  end.written++;
  end.error = error;
}

static void end_closed(void *owner) {
  CHECK(owner == &end);
  end.closed++;
}

static const struct transport_events end_events = {
    end_space, end_read, end_ended, end_written, end_closed, NULL};

static void on_accepted(void *owner, struct transport *transport) {
  CHECK(owner == &end);
  accepted++;
  end.transport = transport;
  transport->events = &end_events;
  transport->owner = &end;
}

/* ---- the client */

static void on_connected(uv_connect_t *request, int error) {
  (void)request;
  client.is_connected = error == 0;
}

static void client_space(uv_handle_t *handle, size_t suggested,
                         uv_buf_t *space) {
  (void)handle;
  (void)suggested;
  *space = uv_buf_init(client.space, sizeof client.space);
}

static void client_read(uv_stream_t *handle, ssize_t length,
                        const uv_buf_t *space) {
  (void)handle;
  if (length < 0) {
    client.has_ended = true;
    return;
  }
  if (client.length + (size_t)length < sizeof client.bytes) {
    memcpy(client.bytes + client.length, space->base, (size_t)length);
  }
  client.length += (size_t)length;
}

static void client_starts_reading(void) {
  CHECK_EQ(uv_read_start(&client.uv.stream, client_space, client_read), 0);
}

static void client_sends(const char *text) {
  uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)text, strlen(text));

  CHECK_EQ(uv_try_write(&client.uv.stream, &bytes, 1), strlen(text));
}

static void on_client_closed(uv_handle_t *handle) {
  (void)handle;
  client.is_closed = true;
}

static void client_closes(void) {
  uv_close(&client.uv.handle, on_client_closed);
}

/* ---- turns */

static void on_turn(void *owner) {
  CHECK(owner == &turns_of_loop);
  turns_of_loop++;
}

/* Runs turns until the condition holds; false when it never does. */
#define UNTIL(condition)                                                       \
  do {                                                                         \
    int left = TURNS;                                                          \
    while (!(condition) && left-- > 0) loop_turn(&loop);                       \
    CHECK(condition);                                                          \
  } while (0)

static void some_turns(void) {
  for (int i = 0; i < 50; i++) loop_turn(&loop);
}

static void set_up(void) {
  pool_drain();
  held = mem_in_use();
  memset(&end, 0, sizeof end);
  memset(&client, 0, sizeof client);
  accepted = turns_of_loop = 0;
  CHECK_EQ(loop_init(&loop), 0);
  loop.on_turn = on_turn;
  loop.owner = &turns_of_loop;
}

static void tear_down(void) {
  if (end.transport && !end.closed) {
    end.transport->ops->close(end.transport);
    UNTIL(end.closed);
  }
  if (listener) listener_close(listener);
  listener = NULL;
  loop.on_turn = NULL;
  loop_close(&loop);
  pool_drain();
  CHECK_EQ(mem_in_use(), held);
}

static void connect_tcp(void) {
  struct sockaddr_in address;

  uv_ip4_addr("127.0.0.1", listener_port(listener), &address);
  CHECK_EQ(uv_tcp_init(&loop.uv, &client.uv.tcp), 0);
  CHECK_EQ(uv_tcp_connect(&client.connect, &client.uv.tcp,
                          (struct sockaddr *)&address, on_connected),
           0);
}

static void listen_tcp(void) {
  CHECK_EQ(
      listener_open_tcp(&loop, "127.0.0.1", 0, 0, on_accepted, &end, &listener),
      0);
  CHECK(listener_port(listener) > 0);
}

static void set_up_connection(void) {
  set_up();
  listen_tcp();
  connect_tcp();
  UNTIL(client.is_connected && accepted == 1);
}

/* ---- listening */

TEST(listener_accepts_and_knows_the_peer) {
  struct sockaddr_in name;
  int length = sizeof name;
  char text[ADDRESS_TEXT_MAX];

  set_up_connection();
  struct address peer = end.transport->ops->peer(end.transport);
  address_format(&peer, text);
  CHECK_TEXT(text, "127.0.0.1");
  uv_tcp_getsockname(&client.uv.tcp, (struct sockaddr *)&name, &length);
  CHECK_EQ(peer.port, ntohs(name.sin_port));
  CHECK(turns_of_loop > 0);
  tear_down();
}

TEST(listener_accepts_names_and_ipv6) {
  set_up();
  CHECK_EQ(
      listener_open_tcp(&loop, "localhost", 0, 0, on_accepted, &end, &listener),
      0);
  listener_close(listener);
  int error =
      listener_open_tcp(&loop, "::1", 0, 0, on_accepted, &end, &listener);
  CHECK(error == 0 || error == UV_EADDRNOTAVAIL || error == UV_EAFNOSUPPORT);
  if (error) listener = NULL;
  tear_down();
}

TEST(listener_says_why_it_cannot_listen) {
  struct listener *second = NULL;

  set_up();
  listen_tcp();
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", listener_port(listener), 0,
                             on_accepted, &end, &second),
           UV_EADDRINUSE);
  CHECK_EQ(
      listener_open_tcp(&loop, "192.0.2.1", 0, 0, on_accepted, &end, &second),
      UV_EADDRNOTAVAIL);
  CHECK_EQ(
      listener_open_tcp(&loop, "127.0.0.1", -1, 0, on_accepted, &end, &second),
      UV_EINVAL);
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", 65536, 0, on_accepted, &end,
                             &second),
           UV_EINVAL);
  CHECK(listener_open_tcp(&loop, "no.such.host.invalid", 0, 0, on_accepted,
                          &end, &second) < 0);
  CHECK(listener_open_pipe(&loop, "/nowhere/socket", -1, on_accepted, &end,
                           &second) < 0);
  CHECK(second == NULL);
  tear_down();
}

TEST(listener_says_when_there_is_no_memory) {
  struct listener *made = NULL;
  int error = UV_ENOMEM;

  set_up();
  for (uint64_t n = 1; error && n < 50; n++) {
    mem_fail_at(n, false);
    error =
        listener_open_tcp(&loop, "127.0.0.1", 0, 0, on_accepted, &end, &made);
    mem_fail_at(0, false);
    CHECK(error == 0 || made == NULL);
  }
  CHECK_EQ(error, 0);
  listener = made;
  tear_down();
}

/* One connection that finds no memory must not be the last one. */
TEST(listener_goes_on_after_having_no_memory) {
  set_up();
  listen_tcp();
  connect_tcp();
  mem_fail_at(1, true);
  some_turns();
  mem_fail_at(0, false);
  CHECK_EQ(accepted, 0);
  client_closes();
  UNTIL(client.is_closed);
  memset(&client, 0, sizeof client);
  connect_tcp();
  some_turns();
  CHECK(accepted > 0);
  tear_down();
}

TEST(listener_stops_at_once) {
  set_up();
  listen_tcp();
  int port = listener_port(listener);
  listener_close(listener);
  listener = NULL;
  some_turns();
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", port, 0, on_accepted, &end,
                             &listener),
           0);
  tear_down();
}

static void close_at_once(void *owner, struct transport *transport) {
  (void)owner;
  accepted++;
  transport->ops->close(transport);
}

/* A transport that its owner never took. */
TEST(listener_transport_may_be_closed_without_an_owner) {
  set_up();
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", 0, 0, close_at_once, NULL,
                             &listener),
           0);
  connect_tcp();
  UNTIL(client.is_connected);
  client_starts_reading();
  UNTIL(client.has_ended);
  CHECK_EQ(accepted, 1);
  tear_down();
}

/* ---- streams */

TEST(stream_echoes) {
  set_up_connection();
  end.echoes = true;
  CHECK_EQ(end.transport->ops->start_reading(end.transport), 0);
  CHECK_EQ(end.transport->ops->start_reading(end.transport), 0);
  client_starts_reading();
  client_sends("Hello");
  UNTIL(client.length == 5);
  CHECK_TEXT(client.bytes, "Hello");
  client_sends(", you");
  UNTIL(client.length == 10);
  CHECK_TEXT(end.bytes, "Hello, you");
  tear_down();
}

TEST(stream_is_not_read_when_it_is_not_asked_to) {
  set_up_connection();
  client_sends("one");
  some_turns();
  CHECK_EQ(end.length, 0);
  end.transport->ops->start_reading(end.transport);
  UNTIL(end.length == 3);
  end.transport->ops->stop_reading(end.transport);
  end.transport->ops->stop_reading(end.transport);
  client_sends("two");
  some_turns();
  CHECK_EQ(end.length, 3);
  end.transport->ops->start_reading(end.transport);
  UNTIL(end.length == 6);
  CHECK_TEXT(end.bytes, "onetwo");
  tear_down();
}

TEST(stream_gathers_pieces) {
  struct slice pieces[3] = {SLICE("one "), SLICE(""), SLICE("two")};

  set_up_connection();
  CHECK_EQ(end.transport->ops->try_write(end.transport, pieces, 3), 7);
  client_starts_reading();
  UNTIL(client.length == 7);
  CHECK_TEXT(client.bytes, "one two");
  tear_down();
}

/* Fills the kernel's buffers; yields how much it took. */
static size_t fill(const char *bytes) {
  size_t sent = 0;
  ssize_t taken = 1;

  while (sent < LARGE && taken > 0) {
    struct slice piece = {bytes + sent, LARGE - sent};
    taken = end.transport->ops->try_write(end.transport, &piece, 1);
    if (taken > 0) sent += (size_t)taken;
  }
  CHECK(taken >= 0);
  return sent;
}

/* A connection with a write under way; the bytes are the caller's to free. */
static char *write_too_much(void) {
  char *bytes = calloc(1, LARGE);

  set_up_connection();
  size_t sent = fill(bytes);
  struct slice rest = {bytes + sent, LARGE - sent};
  CHECK_EQ(end.transport->ops->write(end.transport, &rest, 1), 0);
  return bytes;
}

TEST(stream_writes_what_the_kernel_refuses_later) {
  char *bytes = calloc(1, LARGE);

  set_up_connection();
  size_t sent = fill(bytes);
  CHECK(sent > 0 && sent < LARGE);
  struct slice rest[2] = {{bytes + sent, 1000},
                          {bytes + sent + 1000, LARGE - sent - 1000}};
  CHECK_EQ(end.transport->ops->write(end.transport, rest, 2), 0);
  some_turns();
  CHECK_EQ(end.written, 0);
  client_starts_reading();
  UNTIL(end.written == 1);
  CHECK_EQ(end.error, 0);
  UNTIL(client.length == LARGE);
  struct slice more = SLICE("more");
  CHECK_EQ(end.transport->ops->try_write(end.transport, &more, 1), 4);
  UNTIL(client.length == LARGE + 4);
  CHECK_EQ(end.written, 1);
  tear_down();
  free(bytes);
}

TEST(stream_may_be_closed_while_it_writes) {
  char *bytes = write_too_much();

  end.transport->ops->close(end.transport);
  end.transport->ops->close(end.transport);
  CHECK_EQ(end.closed, 0); /* not from inside the call */
  UNTIL(end.closed);
  CHECK_EQ(end.closed, 1);
  CHECK_EQ(end.written, 0);
  tear_down();
  free(bytes);
}

TEST(stream_knows_what_the_peer_has_not_taken) {
  char *bytes = calloc(1, LARGE);

  set_up_connection();
  CHECK_EQ(end.transport->ops->untaken(end.transport), 0);
  size_t sent = fill(bytes);
  size_t untaken = end.transport->ops->untaken(end.transport);
  CHECK(untaken > 0 && untaken <= sent);
  client_starts_reading();
  UNTIL(end.transport->ops->untaken(end.transport) == 0);
  UNTIL(client.length == sent);
  tear_down();
  free(bytes);
}

TEST(stream_shuts_down_after_its_bytes) {
  char *bytes = write_too_much();

  CHECK_EQ(end.transport->ops->shutdown(end.transport), 0);
  client_starts_reading();
  UNTIL(client.has_ended);
  CHECK_EQ(client.length, LARGE);
  CHECK_EQ(end.ended, 0);
  end.transport->ops->start_reading(end.transport);
  client_sends("still heard");
  UNTIL(end.length == 11);
  tear_down();
  free(bytes);
}

TEST(stream_may_be_closed_while_it_shuts_down) {
  char *bytes = write_too_much();

  CHECK_EQ(end.transport->ops->shutdown(end.transport), 0);
  end.transport->ops->close(end.transport);
  UNTIL(end.closed);
  CHECK_EQ(end.written, 0);
  tear_down();
  free(bytes);
}

TEST(stream_hears_the_end) {
  set_up_connection();
  end.transport->ops->start_reading(end.transport);
  client_sends("bye");
  client_closes();
  UNTIL(end.ended == 1);
  CHECK_EQ(end.error, 0);
  CHECK_TEXT(end.bytes, "bye");
  some_turns();
  CHECK_EQ(end.ended, 1);
  tear_down();
}

static void client_resets(void) {
  CHECK_EQ(uv_tcp_close_reset(&client.uv.tcp, on_client_closed), 0);
}

TEST(stream_hears_a_reset) {
  set_up_connection();
  end.transport->ops->start_reading(end.transport);
  client_resets();
  UNTIL(end.ended == 1);
  CHECK_EQ(end.error, UV_ECONNRESET);
  struct slice piece = SLICE("too late");
  CHECK(end.transport->ops->try_write(end.transport, &piece, 1) < 0);
  some_turns();
  CHECK_EQ(end.ended, 1);
  tear_down();
}

TEST(stream_hears_that_a_write_failed) {
  char *bytes = write_too_much();

  client_resets();
  UNTIL(end.written == 1);
  CHECK(end.error < 0);
  tear_down();
  free(bytes);
}

TEST(stream_says_when_there_is_no_memory) {
  struct slice piece = SLICE("a");

  set_up_connection();
  pool_drain();
  mem_fail_at(1, true);
  CHECK_EQ(end.transport->ops->write(end.transport, &piece, 1), UV_ENOMEM);
  mem_fail_at(0, false);
  CHECK_EQ(end.transport->ops->write(end.transport, &piece, 1), 0);
  UNTIL(end.written == 1);
  tear_down();
}

TEST(stream_says_when_there_is_no_memory_to_end_later) {
  char *bytes = write_too_much();

  pool_drain();
  mem_fail_at(1, true);
  CHECK_EQ(end.transport->ops->shutdown(end.transport), UV_ENOMEM);
  mem_fail_at(0, false);
  tear_down();
  free(bytes);
}

TEST(stream_says_when_it_cannot_end) {
  set_up_connection();
  CHECK_EQ(end.transport->ops->shutdown(end.transport), 0);
  client_resets();
  end.transport->ops->start_reading(end.transport);
  UNTIL(end.ended == 1);
  CHECK_EQ(end.transport->ops->shutdown(end.transport), UV_ENOTCONN);
  tear_down();
}

TEST(stream_runs_over_a_pipe) {
  char folder[] = "/tmp/ratchet-test-XXXXXX", path[64];

  set_up();
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/socket", folder);
  CHECK_EQ(listener_open_pipe(&loop, path, -1, on_accepted, &end, &listener),
           0);
  CHECK_EQ(listener_port(listener), 0);
  CHECK_EQ(uv_pipe_init(&loop.uv, &client.uv.pipe, 0), 0);
  uv_pipe_connect(&client.connect, &client.uv.pipe, path, on_connected);
  UNTIL(client.is_connected && accepted == 1);
  CHECK_EQ(end.transport->ops->peer(end.transport).family, 0);
  end.echoes = true;
  end.transport->ops->start_reading(end.transport);
  client_starts_reading();
  client_sends("through a pipe");
  UNTIL(client.length == 14);
  CHECK_TEXT(client.bytes, "through a pipe");
  CHECK_EQ(end.transport->ops->shutdown(end.transport), 0);
  UNTIL(client.has_ended);
  client_closes();
  UNTIL(end.ended == 1);
  tear_down();
  CHECK(access(path, F_OK) != 0);
  rmdir(folder);
}

/* ---- unix sockets and their files */

static char folder[32], path[64];

static void set_up_folder(void) {
  set_up();
  snprintf(folder, sizeof folder, "/tmp/ratchet-test-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/socket", folder);
}

static void tear_down_folder(void) {
  tear_down();
  unlink(path);
  CHECK_EQ(rmdir(folder), 0);
}

static int open_pipe(int mode, struct listener **made) {
  return listener_open_pipe(&loop, path, mode, on_accepted, &end, made);
}

static void connect_pipe(void) {
  CHECK_EQ(uv_pipe_init(&loop.uv, &client.uv.pipe, 0), 0);
  uv_pipe_connect(&client.connect, &client.uv.pipe, path, on_connected);
  UNTIL(client.is_connected && accepted == 1);
}

/* The file of a server that was killed. */
static void leave_dead_socket(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
  CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  close(fd);
  CHECK_EQ(access(path, F_OK), 0);
}

TEST(local_socket_replaces_the_file_of_a_dead_server) {
  set_up_folder();
  leave_dead_socket();
  CHECK_EQ(open_pipe(-1, &listener), 0);
  connect_pipe();
  CHECK_TEXT(listener_bound(listener).path, path);
  tear_down_folder();
}

TEST(local_socket_leaves_a_live_server_alone) {
  struct listener *second = NULL;

  set_up_folder();
  CHECK_EQ(open_pipe(-1, &listener), 0);
  CHECK_EQ(open_pipe(-1, &second), UV_EADDRINUSE);
  CHECK(second == NULL);
  some_turns();
  CHECK_EQ(access(path, F_OK), 0);
  tear_down_folder();
}

TEST(local_socket_has_the_mode_that_is_asked_for) {
  struct stat found;

  set_up_folder();
  CHECK_EQ(open_pipe(0606, &listener), 0);
  CHECK_EQ(stat(path, &found), 0);
  CHECK_EQ(found.st_mode & 0777, 0606);
  tear_down_folder();
}

TEST(local_socket_never_deletes_another_file) {
  FILE *file;

  set_up_folder();
  CHECK((file = fopen(path, "w")) != NULL);
  fclose(file);
  CHECK_EQ(open_pipe(-1, &listener), UV_EEXIST);
  CHECK_EQ(access(path, F_OK), 0);
  unlink(path);
  CHECK_EQ(symlink("/nowhere", path), 0);
  CHECK_EQ(open_pipe(-1, &listener), UV_EEXIST);
  CHECK_EQ(unlink(path), 0);
  tear_down_folder();
}

/* Somebody has removed the file and another server has begun there. */
TEST(local_socket_removes_its_own_file_only) {
  struct listener *second = NULL;

  set_up_folder();
  CHECK_EQ(open_pipe(-1, &listener), 0);
  CHECK_EQ(unlink(path), 0);
  CHECK_EQ(open_pipe(-1, &second), 0);
  listener_close(listener);
  CHECK_EQ(access(path, F_OK), 0);
  listener = second;
  tear_down_folder();
}

TEST(local_socket_refuses_a_path_that_is_none) {
  char longest[sizeof((struct sockaddr_un *)0)->sun_path + 1];

  set_up_folder();
  memset(longest, 'a', sizeof longest);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  CHECK_EQ(listener_open_pipe(&loop, longest, -1, on_accepted, &end, &listener),
           UV_ENAMETOOLONG);
  CHECK_EQ(listener_open_pipe(&loop, "", -1, on_accepted, &end, &listener),
           UV_EINVAL);
  CHECK(listener == NULL);
  tear_down_folder();
}

/* ---- IPv6, and sockets that are there already */

static bool has_ipv6(void) {
  struct sockaddr_in6 name;
  int fd = socket(AF_INET6, SOCK_STREAM, 0);

  uv_ip6_addr("::1", 0, &name);
  bool is_there = bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
  if (fd >= 0) close(fd);
  return is_there;
}

TEST(listener_takes_ipv4_over_ipv6_unless_told_not_to) {
  struct listener *second = NULL;

  set_up();
  if (has_ipv6()) {
    CHECK_EQ(listener_open_tcp(&loop, "::", 0, 0, on_accepted, &end, &listener),
             0);
    connect_tcp();
    UNTIL(client.is_connected && accepted == 1);
    struct address peer = end.transport->ops->peer(end.transport);
    CHECK_EQ(peer.family, 4);
    int port = listener_port(listener);
    listener_close(listener);
    some_turns();
    CHECK_EQ(listener_open_tcp(&loop, "::", port, LISTENER_SIX_ONLY,
                               on_accepted, &end, &listener),
             0);
    CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", port, 0, on_accepted, &end,
                               &second),
             0);
    listener_close(second);
  }
  CHECK_EQ(listener_open_tcp(&loop, "127.0.0.1", 0, LISTENER_SIX_ONLY,
                             on_accepted, &end, &second),
           UV_EINVAL);
  tear_down();
}

static int bound_socket(int family, int type) {
  struct sockaddr_in name;
  int fd = socket(family, type, 0);

  uv_ip4_addr("127.0.0.1", 0, &name);
  if (family == AF_INET) bind(fd, (struct sockaddr *)&name, sizeof name);
  return fd;
}

TEST(listener_takes_a_socket_that_is_bound) {
  struct bound bound;

  set_up();
  int fd = bound_socket(AF_INET, SOCK_STREAM);
  CHECK_EQ(bound_of(fd, &bound), 0);
  CHECK_EQ(listener_open_descriptor(&loop, fd, on_accepted, &end, &listener),
           0);
  CHECK_EQ(listener_descriptor(listener), fd);
  CHECK_EQ(listener_port(listener), bound.address.port);
  connect_tcp();
  UNTIL(client.is_connected && accepted == 1);
  tear_down();
}

/* A unix socket that is handed over: its file is not the listener's. */
TEST(listener_takes_a_unix_socket_that_is_bound) {
  struct local_file file;

  set_up_folder();
  int fd = local_socket_bind(path, -1, &file);
  CHECK(fd >= 0);
  CHECK_EQ(listener_open_descriptor(&loop, fd, on_accepted, &end, &listener),
           0);
  connect_pipe();
  listener_close(listener);
  listener = NULL;
  CHECK_EQ(access(path, F_OK), 0);
  local_file_remove(&file);
  CHECK(access(path, F_OK) != 0);
  tear_down_folder();
}

TEST(listener_refuses_a_descriptor_that_is_none) {
  int pair[2];

  set_up();
  CHECK_EQ(pipe(pair), 0);
  CHECK_EQ(
      listener_open_descriptor(&loop, pair[0], on_accepted, &end, &listener),
      UV_ENOTSOCK);
  close(pair[0]);
  close(pair[1]);
  CHECK_EQ(listener_open_descriptor(&loop, 999, on_accepted, &end, &listener),
           UV_EBADF);
  int fd = bound_socket(AF_INET, SOCK_DGRAM);
  CHECK_EQ(listener_open_descriptor(&loop, fd, on_accepted, &end, &listener),
           UV_EPROTOTYPE);
  close(fd);
  CHECK(listener == NULL);
  tear_down();
}

/* ---- the loop's own clock */

static int rings;

static void ring(struct alarm *alarm) {
  (void)alarm;
  rings++;
}

TEST(loop_clock_rings) {
  struct alarm alarm = {.ring = ring};

  set_up();
  listen_tcp(); /* the alarm alone does not keep a loop alive */
  rings = 0;
  uint64_t now = clock_now(&loop.clock);
  clock_set(&loop.clock, &alarm, now + 5);
  clock_set(&loop.clock, &alarm, now + 1);
  UNTIL(rings == 1);
  CHECK(clock_now(&loop.clock) >= now + 1);
  clock_set(&loop.clock, &alarm, now); /* already past */
  UNTIL(rings == 2);
  clock_set(&loop.clock, &alarm, now + 100000);
  clock_clear(&loop.clock, &alarm);
  some_turns();
  CHECK_EQ(rings, 2);
  tear_down();
}
