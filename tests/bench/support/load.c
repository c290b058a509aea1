// load - what the comparison of servers is measured with: many connections of
// WebSocket in one process, which send messages and count what comes back. It
// has to be quicker than any server that it measures, so it is one thread on
// epoll, its frames are made and masked once, and what arrives is compared
// where it was read. One line of JSON says what was measured:
//
//     load MODE --port N --pid PID [options]
//
//     echo     each connection keeps --depth messages on their way
//     chat     what one sends comes to all others; --senders of them send, each
//     the next
//              message when all have its last one
//     churn    each connects, echoes one message, says goodbye, and begins anew
//     idle     what a connection costs that has echoed once: the server's
//     memory with
//              --conns of them, less that with an eighth of them
//
// `server_us` is CPU microseconds of the server for each message (of chat: each
// delivery; of churn: each round), `load_busy` how busy this program was, from
// 0 to 1: near 1, the rate is its own limit. All messages are compared with
// what was sent, whole; a difference, a closed connection, or nothing for ten
// seconds ends it with status 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

enum {
  READ_SIZE = 512 * 1024,
  EVENTS = 1024,
  AT_ONCE = 64,
  VARIANTS = 64,
  TAG = 4
};
enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };
static const double STALLED = 10; // seconds

// The key of RFC 6455, section 1.3, and its answer.
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

// Messages that are sent one after the other, round and round; two rounds of
// frames stand in `frames`, so that what is due is always in one piece.
struct script {
  unsigned count;
  size_t size;  // of each text
  char **texts; // `count`
  uint8_t *frames;
  size_t *starts; // of each frame, and the end: 2 * count + 1
};

// The TLS of a connection, and what was read for it ahead.
struct secure {
  mbedtls_ssl_context ssl;
  size_t at, end, retried;
  uint8_t input[4096];
};

enum state { CONNECTING, SECURING, UPGRADING, OPEN };

// A connection; all of them are in one array, which the program owns until it
// ends.
struct conn {
  int fd;
  enum state state;
  struct secure *secure;         // NULL without TLS
  const struct script *script;   // what it sends
  const struct script *expected; // what it gets; NULL: anybody's message
  unsigned sent, received;       // the next of the script
  size_t out_at, out_end;        // what is to be sent, in the script's frames
  char *answer;                  // to the upgrade; NULL otherwise
  size_t answer_size;
  uint8_t head[10], head_size;
  bool is_in_payload, is_deflated, resets;
  uint64_t left;      // of the frame at hand
  size_t got;         // of the message at hand
  unsigned sender;    // whose it is, in a chat
  z_stream *inflater; // NULL without compression
  uint8_t control[125];
};

enum mode { ECHO, CHAT, CHURN, IDLE, NONE };

static struct {
  enum mode mode;
  const char *path;
  int port, pid, conns, depth, senders;
  size_t size;
  double warmup, seconds;
  bool is_deflated, is_secure;
} plan = {.path = "/",
          .conns = 64,
          .depth = 1,
          .senders = 1,
          .size = 20,
          .warmup = 1,
          .seconds = 3};

static struct conn *conns;
static int begun, opened,
    missing_most;    // missing_most: who hears a message of a chat
static int *missing; // of each sender: who has not heard it yet
static int epoll;
static uint64_t count, compressed, wire_bytes, last_arrival;
static double idle_seconds;
static struct script *scripts, goodbye;
static uint8_t input[READ_SIZE];
static mbedtls_ssl_config tls;

static void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  exit(1);
}

static void *allocate(size_t n, size_t size) {
  void *memory = calloc(n, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static double seconds_of(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) fail("the server is gone");
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double now(void) {
  return seconds_of(CLOCK_MONOTONIC);
}

// ---- what is sent

static size_t put_head(uint8_t *to, int opcode, bool is_deflated, size_t size) {
  size_t n = 2;
  to[0] = (uint8_t)(0x80 | (is_deflated ? 0x40 : 0) | opcode);
  if (size < 126) {
    to[1] = (uint8_t)(0x80 | size);
  } else {
    int bytes = size < 65536 ? 2 : 8;
    to[1] = (uint8_t)(0x80 | (bytes == 2 ? 126 : 127));
    for (int i = bytes - 1; i >= 0; i--)
      to[n++] = (uint8_t)((uint64_t)size >> (8 * i));
  }
  memcpy(to + n, mask, 4);
  return n + 4;
}

// A client's frame; `to` has room for 14 bytes more than the payload.
static size_t put_frame(uint8_t *to, int opcode, bool is_deflated,
                        const void *payload, size_t size) {
  const uint8_t *from = payload;
  size_t n = put_head(to, opcode, is_deflated, size);
  for (size_t i = 0; i < size; i++) to[n + i] = from[i] ^ mask[i & 3];
  return n + size;
}

// RFC 7692, 7.2.1; each message by itself. Returns the size.
static size_t deflate_text(const char *text, size_t size, uint8_t *to,
                           size_t room) {
  z_stream stream = {.next_in = (Bytef *)text,
                     .avail_in = (uInt)size,
                     .next_out = to,
                     .avail_out = (uInt)room};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    fail("deflateInit2");
  deflate(&stream, Z_SYNC_FLUSH);
  size_t made = room - stream.avail_out - 4;
  deflateEnd(&stream);
  return made;
}

// Records as an application sends them in JSON; about a third is left when it
// is compressed.
static void write_json(char *to, size_t size, unsigned seed) {
  char record[128];
  for (size_t at = 0; at < size;) {
    seed = seed * 1664525 + 1013904223;
    int n = snprintf(
        record, sizeof record,
        "{\"id\":%u,\"user\":\"user%u\",\"text\":\"says something\",\"at\":%u}",
        seed, (seed >> 16) % 97, (seed >> 8) % 86400);
    size_t part = (size_t)n < size - at ? (size_t)n : size - at;
    memcpy(to + at, record, part);
    at += part;
  }
}

static void write_text(char *to, size_t size, unsigned seed) {
  if (plan.is_deflated) {
    write_json(to, size, seed);
  } else {
    memset(to, 'x', size);
  }
}

static struct script script_of(unsigned variants, unsigned seed) {
  struct script made = {.count = variants, .size = plan.size};
  size_t room = plan.size + 64, at = 0;
  uint8_t *packed = allocate(1, room);
  made.texts = allocate(variants, sizeof *made.texts);
  made.starts = allocate(2 * variants + 1, sizeof *made.starts);
  made.frames = allocate(2 * variants, room + 14);
  for (unsigned i = 0; i < 2 * variants; i++) {
    if (i < variants) {
      made.texts[i] = allocate(1, plan.size + 1);
      write_text(made.texts[i], plan.size, seed + i);
      if (plan.mode == CHAT) {
        char tag[16];
        snprintf(tag, sizeof tag, "%04u", seed);
        memcpy(made.texts[i], tag, TAG);
      }
    }
    const void *payload = made.texts[i % variants];
    size_t size = plan.size;
    if (plan.is_deflated) {
      size = deflate_text(payload, size, packed, room);
      payload = packed;
    }
    made.starts[i] = at;
    at += put_frame(made.frames + at, TEXT, plan.is_deflated, payload, size);
  }
  made.starts[2 * variants] = at;
  free(packed);
  return made;
}

static struct script script_of_goodbye(void) {
  static uint8_t frames[32];
  static size_t starts[3];
  starts[1] = put_frame(frames, CLOSE, false, "\x03\xe8", 2);
  starts[2] =
      starts[1] + put_frame(frames + starts[1], CLOSE, false, "\x03\xe8", 2);
  return (struct script){
      .count = 1, .size = 2, .frames = frames, .starts = starts};
}

// ---- bytes: in and out, 0 when there is nothing to do now, -1 at the end

static ssize_t plain(ssize_t n) {
  if (n > 0) return n;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int tls_send(void *context, const unsigned char *bytes, size_t size) {
  ssize_t n =
      plain(send(((struct conn *)context)->fd, bytes, size, MSG_NOSIGNAL));
  return n > 0 ? (int)n : n == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : -1;
}

static int tls_receive(void *context, unsigned char *bytes, size_t size) {
  struct conn *conn = context;
  struct secure *secure = conn->secure;
  if (secure->at == secure->end) {
    ssize_t n = plain(recv(conn->fd, secure->input, sizeof secure->input, 0));
    if (n <= 0) return n == 0 ? MBEDTLS_ERR_SSL_WANT_READ : 0;
    secure->at = 0;
    secure->end = (size_t)n;
  }
  if (size > secure->end - secure->at) size = secure->end - secure->at;
  memcpy(bytes, secure->input + secure->at, size);
  secure->at += size;
  return (int)size;
}

static ssize_t of_tls(int n) {
  if (n > 0) return n;
  return n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE ? 0
                                                                           : -1;
}

static ssize_t write_to(struct conn *conn, const void *bytes, size_t size) {
  struct secure *secure = conn->secure;
  if (secure == NULL) return plain(send(conn->fd, bytes, size, MSG_NOSIGNAL));
  if (secure->retried > 0)
    size = secure->retried; // what was begun has to be ended as it was
  ssize_t n = of_tls(mbedtls_ssl_write(&secure->ssl, bytes, size));
  secure->retried = n == 0 ? size : 0;
  return n;
}

static ssize_t read_from(struct conn *conn, void *bytes, size_t size) {
  if (conn->secure == NULL) return plain(recv(conn->fd, bytes, size, 0));
  return of_tls(mbedtls_ssl_read(&conn->secure->ssl, bytes, size));
}

static void flush(struct conn *conn) {
  while (conn->out_at < conn->out_end) {
    ssize_t n = write_to(conn, conn->script->frames + conn->out_at,
                         conn->out_end - conn->out_at);
    if (n < 0) fail("the server closed a connection that was written to");
    if (n == 0) return;
    conn->out_at += (size_t)n;
  }
}

// Sends the next messages of its script.
static void send_next(struct conn *conn, unsigned messages) {
  const struct script *script = conn->script;
  size_t round = script->starts[script->count];
  if (conn->out_at >= round) {
    conn->out_at -= round;
    conn->out_end -= round;
  }
  if (messages > script->count) fail("more messages are due than were sent");
  conn->out_end +=
      script->starts[conn->sent + messages] - script->starts[conn->sent];
  conn->sent = (conn->sent + messages) % script->count;
  flush(conn);
}

static void use_script(struct conn *conn, const struct script *script) {
  conn->script = script;
  conn->out_at = conn->out_end = conn->sent = 0;
}

// ---- connecting

static void begin(struct conn *conn) {
  static unsigned turn;
  int yes = 1;
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)plan.port)},
                     from = {.sin_family = AF_INET};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  from.sin_addr.s_addr =
      htonl(INADDR_LOOPBACK + turn++ % 64); // so that there are ports enough
  conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (conn->fd < 0) fail("socket: %s", strerror(errno));
  setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (bind(conn->fd, (struct sockaddr *)&from, sizeof from) != 0)
    fail("bind: %s", strerror(errno));
  if (connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0 &&
      errno != EINPROGRESS) {
    fail("connect: %s", strerror(errno));
  }
  conn->state = CONNECTING;
  conn->answer_size = conn->head_size = conn->got = conn->received = 0;
  conn->is_in_payload = false;
  struct epoll_event event = {
      .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = conn};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
    fail("epoll_ctl: %s", strerror(errno));
}

static void send_upgrade(struct conn *conn) {
  char request[512];
  int size = snprintf(
      request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: "
      "websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n",
      plan.path, plan.port,
      plan.is_deflated ? "Sec-WebSocket-Extensions: permessage-deflate; "
                         "client_max_window_bits\r\n"
                       : "");
  conn->state = UPGRADING;
  if (write_to(conn, request, (size_t)size) != size)
    fail("a request was not taken whole");
}

static void begin_tls(struct conn *conn) {
  if (conn->secure == NULL) conn->secure = allocate(1, sizeof *conn->secure);
  struct secure *secure = conn->secure;
  mbedtls_ssl_init(&secure->ssl);
  if (mbedtls_ssl_setup(&secure->ssl, &tls) != 0) fail("mbedtls_ssl_setup");
  mbedtls_ssl_set_hostname(&secure->ssl, "localhost");
  mbedtls_ssl_set_bio(&secure->ssl, conn, tls_send, tls_receive, NULL);
  conn->state = SECURING;
}

static void shake(struct conn *conn) {
  int status = mbedtls_ssl_handshake(&conn->secure->ssl);
  if (status == 0) {
    send_upgrade(conn);
  } else if (of_tls(status) < 0) {
    fail("the TLS handshake failed: -0x%04x", (unsigned)-status);
  }
}

static void connected(struct conn *conn) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) fail("connect: %s", strerror(error));
  if (plan.is_secure) {
    begin_tls(conn);
    shake(conn);
  } else {
    send_upgrade(conn);
  }
}

// ---- what comes back

static void on_open(struct conn *conn) {
  opened++;
  if (plan.mode == CHURN || plan.mode == IDLE) send_next(conn, 1);
}

// A message is whole. Returns how many are to be sent for it.
static unsigned on_message(struct conn *conn) {
  if (conn->got != plan.size)
    fail("a message of %zu bytes instead of %zu", conn->got, plan.size);
  conn->got = 0;
  if (plan.mode == ECHO) {
    count++;
    conn->received = (conn->received + 1) % conn->expected->count;
    return 1;
  }
  if (plan.mode == CHAT) {
    if (conn->sender >= (unsigned)plan.senders) fail("a message of nobody");
    count++;
    if (--missing[conn->sender] == 0) {
      missing[conn->sender] = missing_most;
      send_next(&conns[conn->sender], 1);
    }
    conn->sender = 0;
  } else if (plan.mode == CHURN) {
    use_script(conn, &goodbye);
    return 1;
  } else {
    count++;
  }
  return 0;
}

static void compare(struct conn *conn, const uint8_t *bytes, size_t size) {
  if (size > plan.size - conn->got) fail("a message that is too long");
  if (conn->expected == NULL) {
    for (size_t i = 0; i < size && conn->got + i < TAG; i++)
      conn->sender = conn->sender * 10 + bytes[i] - '0';
    // All but the tag is the same for all.
    size_t skipped = conn->got < TAG ? TAG - conn->got : 0;
    if (skipped < size &&
        memcmp(bytes + skipped, scripts[0].texts[0] + conn->got + skipped,
               size - skipped) != 0) {
      fail("a message is not what was sent");
    }
  } else if (memcmp(bytes, conn->expected->texts[conn->received] + conn->got,
                    size) != 0) {
    fail("a message is not what was sent");
  }
  conn->got += size;
}

static void inflate_part(struct conn *conn, const uint8_t *bytes, size_t size) {
  uint8_t output[4096];
  conn->inflater->next_in = (Bytef *)bytes;
  conn->inflater->avail_in = (uInt)size;
  do {
    conn->inflater->next_out = output;
    conn->inflater->avail_out = sizeof output;
    int status = inflate(conn->inflater, Z_SYNC_FLUSH);
    if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END)
      fail("a message that does not inflate");
    compare(conn, output, sizeof output - conn->inflater->avail_out);
  } while (conn->inflater->avail_out == 0);
}

static void on_payload(struct conn *conn, const uint8_t *bytes, size_t size) {
  int opcode = conn->head[0] & 15;
  if (opcode >= CLOSE) {
    if (conn->left <= sizeof conn->control)
      memcpy(conn->control + sizeof conn->control - conn->left, bytes, size);
    return;
  }
  wire_bytes += size;
  if (conn->is_deflated) {
    inflate_part(conn, bytes, size);
  } else {
    compare(conn, bytes, size);
  }
}

static void answer_ping(struct conn *conn) {
  uint8_t frame[160];
  size_t size = conn->head[1] & 127;
  if (conn->out_at < conn->out_end) return; // inside of a frame
  size_t n = put_frame(frame, PONG, false,
                       conn->control + sizeof conn->control - size, size);
  if (write_to(conn, frame, n) != (ssize_t)n)
    fail("a pong was not taken whole");
}

// Returns how many messages are to be sent.
static unsigned on_frame(struct conn *conn) {
  int opcode = conn->head[0] & 15;
  if (opcode == PING) answer_ping(conn);
  if (opcode == CLOSE && conn->script != &goodbye)
    fail("the server closed a connection");
  if (opcode >= CLOSE || !(conn->head[0] & 0x80)) return 0; // no message ends
  if (conn->is_deflated) {
    inflate_part(conn, (const uint8_t *)"\0\0\xff\xff", 4);
    if (conn->resets) inflateReset(conn->inflater);
    compressed++;
  }
  return on_message(conn);
}

static uint64_t payload_size(const uint8_t *head, unsigned size) {
  uint64_t length = head[1] & 127;
  if (size == 2) return length;
  length = 0;
  for (unsigned i = 2; i < size; i++) length = length << 8 | head[i];
  return length;
}

static unsigned head_size_of(const struct conn *conn) {
  if (conn->head_size < 2 || conn->head[1] < 126) return 2;
  return conn->head[1] == 126 ? 4 : 10;
}

static void on_head(struct conn *conn) {
  int opcode = conn->head[0] & 15;
  if (conn->head[1] & 0x80) fail("the server masks what it sends");
  conn->left = payload_size(conn->head, conn->head_size);
  conn->is_in_payload = true;
  if (opcode == 0 || opcode >= CLOSE) return;
  conn->is_deflated = (conn->head[0] & 0x40) != 0;
  if (conn->is_deflated && conn->inflater == NULL) {
    fail("a compressed message that nobody agreed on");
  }
}

static void take(struct conn *conn, const uint8_t *bytes, size_t size) {
  unsigned due = 0;
  while (size > 0) {
    if (!conn->is_in_payload) {
      conn->head[conn->head_size++] = *bytes++;
      size--;
      if (conn->head_size < head_size_of(conn)) continue;
      on_head(conn);
    }
    size_t part = conn->left < size ? (size_t)conn->left : size;
    on_payload(conn, bytes, part);
    bytes += part;
    size -= part;
    conn->left -= part;
    if (conn->left > 0) break;
    conn->is_in_payload = false;
    conn->head_size = 0;
    due += on_frame(conn);
  }
  if (due > 0) send_next(conn, due);
}

static void agree_on_deflate(struct conn *conn) {
  if (strcasestr(conn->answer, "permessage-deflate") == NULL)
    fail("the server does not compress here");
  conn->resets = strcasestr(conn->answer, "server_no_context_takeover") != NULL;
  if (conn->inflater == NULL) {
    conn->inflater = allocate(1, sizeof *conn->inflater);
    if (inflateInit2(conn->inflater, -15) != Z_OK) fail("inflateInit2");
  }
}

static void on_answer(struct conn *conn, const uint8_t *bytes, size_t size) {
  enum { MOST = 2048 };
  if (conn->answer == NULL) conn->answer = allocate(1, MOST + 1);
  if (size > MOST - conn->answer_size) fail("an answer that is too long");
  memcpy(conn->answer + conn->answer_size, bytes, size);
  conn->answer_size += size;
  conn->answer[conn->answer_size] = 0;
  char *end = strstr(conn->answer, "\r\n\r\n");
  if (end == NULL) return;
  if (strncmp(conn->answer, "HTTP/1.1 101", 12) != 0 ||
      strstr(conn->answer, ACCEPT) == NULL) {
    fail("%s is no WebSocket: %.*s", plan.path,
         (int)strcspn(conn->answer, "\r"), conn->answer);
  }
  if (plan.is_deflated) agree_on_deflate(conn);
  char *answer = conn->answer;
  size_t used = (size_t)(end + 4 - answer), rest = conn->answer_size - used;
  conn->answer = NULL;
  conn->state = OPEN;
  on_open(conn);
  if (rest > 0) take(conn, (uint8_t *)answer + used, rest);
  free(answer);
}

static void ended(struct conn *conn) {
  if (conn->script != &goodbye) fail("the server ended a connection");
  close(conn->fd);
  opened--;
  count++;
  use_script(conn, conn->expected);
  begin(conn);
}

static void on_event(struct conn *conn, bool is_ending) {
  if (conn->state == CONNECTING) connected(conn);
  if (conn->state == SECURING) shake(conn);
  if (conn->state < UPGRADING) return;
  if (conn->state == OPEN) flush(conn);
  for (;;) {
    ssize_t n = read_from(conn, input, sizeof input);
    if (n < 0) {
      ended(conn);
      return;
    }
    if (n == 0) return;
    if (conn->state == OPEN) {
      take(conn, input, (size_t)n);
    } else {
      on_answer(conn, input, (size_t)n);
    }
    // A short read has taken all there was, but for the end.
    if (conn->secure == NULL && !is_ending && (size_t)n < sizeof input) return;
  }
}

// ---- the run

// Looks for events without a pause: a client that sleeps would have to be
// woken, which costs the server CPU.
static void run_once(void) {
  static struct epoll_event events[EVENTS];
  double before = now();
  int n = epoll_wait(epoll, events, EVENTS, 0);
  if (n <= 0) {
    double spent = now() - before;
    idle_seconds += spent;
    if (before - (double)last_arrival * 1e-9 > STALLED)
      fail("nothing came for %.0f seconds", STALLED);
    return;
  }
  last_arrival = (uint64_t)(before * 1e9);
  for (int i = 0; i < n; i++) {
    on_event(events[i].data.ptr, (events[i].events & EPOLLRDHUP) != 0);
  }
}

static void run_for(double seconds) {
  double end = now() + seconds;
  while (now() < end) run_once();
}

static void open_until(int wanted) {
  last_arrival = (uint64_t)(now() * 1e9);
  while (opened < wanted || (plan.mode == IDLE && count < (uint64_t)wanted)) {
    while (begun < wanted && begun - opened < AT_ONCE) begin(&conns[begun++]);
    run_once();
  }
}

static long resident_kilobytes(void) {
  char path[64], line[256];
  long found = -1;
  snprintf(path, sizeof path, "/proc/%d/status", plan.pid);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL &&
         sscanf(line, "VmRSS: %ld", &found) != 1) {
  }
  if (found < 0) fail("the server's memory is not to be read");
  fclose(file);
  return found;
}

// Time for what collects garbage to do so; nothing comes meanwhile.
static void rest(void) {
  usleep(1500 * 1000);
}

static void measure_idle(void) {
  int few = plan.conns / 8;
  open_until(few);
  rest();
  long before = resident_kilobytes();
  open_until(plan.conns);
  rest();
  long after = resident_kilobytes();
  printf("{\"conns\":%d,\"bytes\":%.1f}\n", plan.conns,
         (double)(after - before) * 1024 / (plan.conns - few));
}

static void start_sending(void) {
  for (int i = 0; i < plan.conns && plan.mode == ECHO; i++)
    send_next(&conns[i], (unsigned)plan.depth);
  for (int i = 0; i < plan.senders && plan.mode == CHAT; i++) {
    missing[i] = missing_most;
    send_next(&conns[i], 1);
  }
}

static void measure_rate(void) {
  clockid_t server;
  if (clock_getcpuclockid(plan.pid, &server) != 0)
    fail("there is no process %d", plan.pid);
  if (plan.mode == CHURN) {
    while (begun < plan.conns) begin(&conns[begun++]);
    last_arrival = (uint64_t)(now() * 1e9);
  } else {
    open_until(plan.conns);
    start_sending();
  }
  run_for(plan.warmup);
  count = compressed = wire_bytes = 0;
  idle_seconds = 0;
  double cpu = seconds_of(server), begin_time = now();
  run_for(plan.seconds);
  double seconds = now() - begin_time;
  cpu = seconds_of(server) - cpu;
  if (count == 0) fail("nothing came back");
  double messages = (double)count;
  printf("{\"messages\":%.0f,\"seconds\":%.3f,\"rate\":%.1f,\"server_us\":%.4f,"
         "\"server_busy\":%.3f,"
         "\"load_busy\":%.3f,\"compressed\":%.3f,\"wire_bytes\":%.1f}\n",
         messages, seconds, messages / seconds, cpu / messages * 1e6,
         cpu / seconds, 1 - idle_seconds / seconds,
         (double)compressed / messages, (double)wire_bytes / messages);
}

// ---- setting up

// The same for all servers: TLS 1.2, one cipher.
static void set_up_tls(void) {
  static const int ciphers[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                0};
  static mbedtls_entropy_context entropy;
  static mbedtls_ctr_drbg_context random;
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  mbedtls_ssl_config_init(&tls);
#if MBEDTLS_VERSION_MAJOR >= 3
  psa_crypto_init();
#endif
  if (mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0) !=
          0 ||
      mbedtls_ssl_config_defaults(&tls, MBEDTLS_SSL_IS_CLIENT,
                                  MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
    fail("mbedTLS");
  }
  mbedtls_ssl_conf_authmode(&tls, MBEDTLS_SSL_VERIFY_NONE);
  mbedtls_ssl_conf_rng(&tls, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_ciphersuites(&tls, ciphers);
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_ssl_conf_max_tls_version(&tls, MBEDTLS_SSL_VERSION_TLS1_2);
#else
  mbedtls_ssl_conf_max_version(&tls, MBEDTLS_SSL_MAJOR_VERSION_3,
                               MBEDTLS_SSL_MINOR_VERSION_3);
#endif
}

static double number(const char *text, double least) {
  char *end;
  double value = strtod(text, &end);
  if (*end != 0 || end == text || value < least)
    fail("%s: a number from %g is wanted", text, least);
  return value;
}

static enum mode mode_of(const char *word) {
  static const char *const names[] = {"echo", "chat", "churn", "idle"};
  enum mode mode = ECHO;
  while (mode < NONE && strcmp(word, names[mode]) != 0) mode++;
  return mode;
}

static void read_options(int n, char **words) {
  static const struct option options[] = {
      {"port", 1, 0, 'p'},    {"pid", 1, 0, 'i'},    {"path", 1, 0, 'a'},
      {"conns", 1, 0, 'c'},   {"size", 1, 0, 's'},   {"depth", 1, 0, 'd'},
      {"senders", 1, 0, 'n'}, {"warmup", 1, 0, 'w'}, {"seconds", 1, 0, 't'},
      {"deflate", 0, 0, 'z'}, {"tls", 0, 0, 'x'},    {0, 0, 0, 0},
  };
  for (int option; (option = getopt_long(n, words, "", options, NULL)) != -1;) {
    switch (option) {
    case 'p': plan.port = (int)number(optarg, 1); break;
    case 'i': plan.pid = (int)number(optarg, 1); break;
    case 'a': plan.path = optarg; break;
    case 'c': plan.conns = (int)number(optarg, 1); break;
    case 's': plan.size = (size_t)number(optarg, TAG); break;
    case 'd': plan.depth = (int)number(optarg, 1); break;
    case 'n': plan.senders = (int)number(optarg, 1); break;
    case 'w': plan.warmup = number(optarg, 0); break;
    case 't': plan.seconds = number(optarg, 0.1); break;
    case 'z': plan.is_deflated = true; break;
    case 'x': plan.is_secure = true; break;
    default: exit(2);
    }
  }
  plan.mode = optind + 1 == n ? mode_of(words[optind]) : NONE;
  if (plan.mode == NONE) fail("what to do: echo, chat, churn or idle");
  if (plan.port == 0 || plan.pid == 0) fail("--port and --pid are wanted");
  if (plan.senders > plan.conns || plan.senders > 9999)
    fail("more senders than connections");
}

static void set_up_connections(void) {
  bool is_chat = plan.mode == CHAT;
  int some = is_chat ? plan.senders : 1;
  unsigned variants = plan.is_deflated ? VARIANTS : (unsigned)plan.depth;
  scripts = allocate((size_t)some, sizeof *scripts);
  missing = allocate((size_t)some, sizeof *missing);
  missing_most = plan.conns - 1;
  for (int i = 0; i < some; i++) scripts[i] = script_of(variants, (unsigned)i);
  goodbye = script_of_goodbye();
  conns = allocate((size_t)plan.conns, sizeof *conns);
  for (int i = 0; i < plan.conns; i++) {
    conns[i].script = &scripts[is_chat && i < some ? i : 0];
    conns[i].expected = is_chat ? NULL : conns[i].script;
  }
}

int main(int n, char **words) {
  struct rlimit files;
  read_options(n, words);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if ((rlim_t)plan.conns + 16 > files.rlim_cur)
    fail("%d connections are more than ulimit -n allows", plan.conns);
  if (plan.is_secure) set_up_tls();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  set_up_connections();
  if (plan.mode == IDLE) {
    measure_idle();
  } else {
    measure_rate();
  }
  return 0;
}
