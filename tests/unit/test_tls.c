/* test_tls - the transport round another, client and server back to back. */
#include "base/mem.h"
#include "check.h"
#include "net/tls_records.h"
#include "support_starve.h"
#include "support_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tls_server *make_server(void) {
  char error[TLS_ERROR_MAX];
  struct tls_server *server = tls_server_new(NULL, tls_test_server(), error);
  if (!CHECK(server != NULL)) fprintf(stderr, "%s\n", error);
  return server;
}

static struct tls_config *make_client(void) {
  char error[TLS_ERROR_MAX];
  struct tls_config *client = tls_client_config(tls_test_client(), error);
  if (!CHECK(client != NULL)) fprintf(stderr, "%s\n", error);
  return client;
}

/* A wire with a server and a client of its own. */
struct pair {
  struct tls_wire wire;
  struct tls_server *server;
  struct tls_config *client;
};

static void open_pair(struct pair *pair) {
  *pair = (struct pair){.server = make_server(), .client = make_client()};
  CHECK(tls_wire_open(&pair->wire, pair->server, pair->client, "localhost"));
}

static void close_pair(struct pair *pair) {
  tls_wire_close(&pair->wire);
  tls_server_free(pair->server);
  tls_config_drop(pair->client);
}

static void check_got(struct tls_end *end, const char *text) {
  CHECK_BYTES(end->got.bytes, end->got.length, text, strlen(text));
  buffer_free(&end->got);
}

/* Bytes that tell where they are from. */
static uint8_t *pattern(size_t length) {
  uint8_t *bytes = malloc(length);
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 7 + i / 251);
  return bytes;
}

TEST(tls_echoes_with_the_bytes_cut_anywhere) {
  static const size_t cuts[] = {0, 1, 2, 5, 6, 64, 333, 4095};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    struct pair pair;
    open_pair(&pair);
    check_context("cut %zu", cuts[i]);
    pair.wire.cut = cuts[i];
    tls_wire_run(&pair.wire);
    CHECK(pair.wire.server.opened && pair.wire.client.opened);
    tls_end_send(&pair.wire.client, "hello", 5);
    tls_wire_run(&pair.wire);
    check_got(&pair.wire.server, "hello");
    tls_end_send(&pair.wire.server, "world", 5);
    tls_wire_run(&pair.wire);
    check_got(&pair.wire.client, "world");
    close_pair(&pair);
  }
  check_no_context();
}

TEST(tls_keeps_what_is_written_before_it_is_open) {
  struct pair pair;
  open_pair(&pair);
  tls_end_send(&pair.wire.client, "early", 5);
  CHECK_EQ(pair.wire.client.written, 0);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.server, "early");
  CHECK_EQ(pair.wire.client.written, 1);
  close_pair(&pair);
}

TEST(tls_carries_large_messages_through_a_narrow_window) {
  enum { LENGTH = 300000 };
  struct pair pair;
  uint8_t *bytes = pattern(LENGTH);
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  memory_set_window(pair.wire.server.memory, 1000);
  tls_end_send(&pair.wire.server, bytes, LENGTH);
  CHECK_EQ(pair.wire.server.written, 0);
  tls_wire_run(&pair.wire);
  CHECK_EQ(pair.wire.server.written, 1);
  CHECK_BYTES(pair.wire.client.got.bytes, pair.wire.client.got.length, bytes,
              LENGTH);
  free(bytes);
  close_pair(&pair);
}

TEST(tls_gathers_pieces_into_full_records) {
  enum { PIECES = 40, EACH = 1000, LENGTH = PIECES * EACH };
  struct slice pieces[PIECES];
  struct pair pair;
  uint8_t *bytes = pattern(LENGTH);
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct tls_end *server = &pair.wire.server;
  for (int i = 0; i < PIECES; i++) {
    pieces[i] = (struct slice){(char *)bytes + (size_t)i * EACH, EACH};
  }
  CHECK_EQ(server->transport->ops->try_write(server->transport, pieces, PIECES),
           LENGTH);
  /* 40,000 bytes are three records of 16,384 at most; each costs under 40. */
  size_t sent = memory_received(server->memory)->length;
  CHECK(sent > LENGTH && sent < LENGTH + 3 * 40);
  tls_wire_run(&pair.wire);
  CHECK_BYTES(pair.wire.client.got.bytes, pair.wire.client.got.length, bytes,
              LENGTH);
  free(bytes);
  close_pair(&pair);
}

TEST(tls_says_goodbye_both_ways) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct transport *client = pair.wire.client.transport;
  struct transport *server = pair.wire.server.transport;
  tls_end_send(&pair.wire.client, "last", 4);
  CHECK_EQ(client->ops->shutdown(client), 0);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.server, "last");
  CHECK(pair.wire.server.ended);
  CHECK_EQ(pair.wire.server.error, 0);
  tls_end_send(&pair.wire.server, "answer", 6); /* its own direction is open */
  CHECK_EQ(server->ops->shutdown(server), 0);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.client, "answer");
  CHECK(pair.wire.client.ended);
  CHECK_EQ(pair.wire.client.error, 0);
  close_pair(&pair);
}

TEST(tls_shuts_down_behind_what_is_still_being_written) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct transport *server = pair.wire.server.transport;
  memory_set_window(pair.wire.server.memory, 10);
  tls_end_send(&pair.wire.server, "slowly, slowly", 14);
  CHECK_EQ(server->ops->shutdown(server), 0);
  CHECK(!memory_is_shut_down(pair.wire.server.memory));
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.client, "slowly, slowly");
  CHECK(pair.wire.client.ended);
  CHECK_EQ(pair.wire.client.error, 0);
  close_pair(&pair);
}

TEST(tls_notices_an_end_without_goodbye) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  memory_send_fin(pair.wire.server.memory);
  tls_wire_run(&pair.wire);
  CHECK(pair.wire.server.ended);
  CHECK_EQ(pair.wire.server.error, -ECONNABORTED);
  close_pair(&pair);
}

TEST(tls_tells_the_end_when_it_is_read_again) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct tls_end *server = &pair.wire.server;
  struct transport *client = pair.wire.client.transport;
  server->is_pausing = true;
  tls_end_send(&pair.wire.client, "one", 3);
  client->ops->shutdown(client);
  tls_wire_run(&pair.wire);
  check_got(server, "one");
  CHECK(!server->ended);
  CHECK_EQ(server->transport->ops->start_reading(server->transport), 0);
  tls_wire_run(&pair.wire);
  CHECK(server->ended);
  CHECK_EQ(server->error, 0);
  close_pair(&pair);
}

/* Garbage came while nobody read. */
TEST(tls_tells_a_breach_when_it_is_read_again) {
  static const uint8_t garbage[] = {23, 3, 3, 0, 32};
  uint8_t rest[32] = {0};
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct tls_end *server = &pair.wire.server;
  server->is_pausing = true;
  tls_end_send(&pair.wire.client, "one", 3);
  const struct buffer *out = memory_received(pair.wire.client.memory);
  memory_send(server->memory, out->bytes, out->length);
  memory_take(pair.wire.client.memory, out->length);
  memory_send(server->memory, garbage, sizeof garbage);
  memory_send(server->memory, rest, sizeof rest);
  memory_run(server->memory);
  check_got(server, "one");
  CHECK(!server->ended);
  CHECK_EQ(server->transport->ops->start_reading(server->transport), -EPROTO);
  close_pair(&pair);
}

static size_t spoilt_at, moved;

static void spoil_one(uint8_t *bytes, size_t length, bool from_client) {
  if (!from_client) return;
  if (spoilt_at >= moved && spoilt_at < moved + length) {
    bytes[spoilt_at - moved] ^= 0x10;
  }
  moved += length;
}

/* Whatever byte is changed: the two never agree on other bytes than were sent.
 */
TEST(tls_never_delivers_spoilt_bytes) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  for (spoilt_at = 0; spoilt_at < 700; spoilt_at += 3) {
    check_context("byte %zu", spoilt_at);
    moved = 0;
    pair.wire = (struct tls_wire){.spoil = spoil_one};
    CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "localhost"));
    tls_end_send(&pair.wire.client, "the truth", 9);
    tls_wire_run(&pair.wire);
    if (pair.wire.server.got.length > 0) {
      CHECK(spoilt_at >= moved || pair.wire.server.got.length == 9);
      check_got(&pair.wire.server, "the truth");
    }
    tls_wire_close(&pair.wire);
  }
  check_no_context();
  tls_server_free(pair.server);
  tls_config_drop(pair.client);
}

TEST(tls_answers_plain_http_in_plain) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  struct pair pair;
  open_pair(&pair);
  struct tls_end *server = &pair.wire.server;
  memory_send(server->memory, request, sizeof request - 1);
  memory_run(server->memory);
  const struct buffer *answer = memory_received(server->memory);
  CHECK(answer->length > 12 && memcmp(answer->bytes, "HTTP/1.1 400", 12) == 0);
  CHECK(memory_is_shut_down(server->memory));
  CHECK(server->ended);
  CHECK(strstr(server->why, "plain HTTP") != NULL);
  memory_send(server->memory, "more", 4);
  CHECK(memory_run(server->memory));
  CHECK_EQ(server->got.length, 0);
  close_pair(&pair);
}

TEST(tls_fails_a_handshake_with_reason_and_alert) {
  static const uint8_t garbage[] = {22, 3, 1, 0, 4, 1, 0, 0, 0};
  struct pair pair;
  open_pair(&pair);
  struct tls_end *server = &pair.wire.server;
  memory_send(server->memory, garbage, sizeof garbage);
  memory_run(server->memory);
  CHECK(server->ended);
  CHECK_EQ(server->error, -EPROTO);
  CHECK(strstr(server->why, "the TLS handshake failed: ") != NULL);
  CHECK_EQ(memory_received(server->memory)->bytes[0], 21);
  close_pair(&pair);
}

TEST(tls_refuses_a_hello_of_16_mib) {
  static const uint8_t hello[] = {22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, 3, 3};
  struct pair pair;
  uint8_t rest[2048] = {0};
  open_pair(&pair);
  struct tls_end *server = &pair.wire.server;
  memory_send(server->memory, hello, sizeof hello);
  for (int i = 0; i < 64 && !server->ended; i++) {
    memory_send(server->memory, rest, sizeof rest);
    memory_run(server->memory);
  }
  CHECK(server->ended);
  close_pair(&pair);
}

TEST(tls_takes_a_hundred_thousand_records_of_a_byte) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  for (int i = 0; i < 100000; i++) {
    tls_end_send(&pair.wire.client, "x", 1);
    if (i % 1000 == 0) tls_wire_run(&pair.wire);
  }
  tls_wire_run(&pair.wire);
  CHECK_EQ(pair.wire.server.got.length, 100000);
  close_pair(&pair);
}

TEST(tls_client_refuses_another_name) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "other.example"));
  tls_wire_run(&pair.wire);
  CHECK(!pair.wire.client.opened && pair.wire.client.ended);
  CHECK(strstr(pair.wire.client.why, "the server's certificate is not") !=
        NULL);
  CHECK(pair.wire.server.ended);
  CHECK(!pair.wire.server.opened || pair.wire.server.got.length == 0);
  close_pair(&pair);
}

enum { NARROW = 3 };

enum { ALERT = 7 };

static const struct tls_end *refusing;
static size_t late; /* bytes that had not left it when it heard of the end */
static uint8_t last[ALERT]; /* that it sent */

static void watch_refusing(uint8_t *bytes, size_t length, bool from_client) {
  if (!from_client) return;
  if (refusing->ended) late += length;
  for (size_t i = 0; i < length; i++) {
    memmove(last, last + 1, ALERT - 1);
    last[ALERT - 1] = bytes[i];
  }
}

/* The alert is not sealed yet. In TLS 1.3 mbedTLS's own server does not know it
 * so. */

TEST(tls_client_hears_of_its_refusal_when_the_alert_is_out) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "other.example"));
  refusing = &pair.wire.client;
  late = 0;
  pair.wire.spoil = watch_refusing;
  memory_set_window(pair.wire.client.memory, NARROW);
  tls_wire_run(&pair.wire);
  CHECK(late <= NARROW); /* what the system below has taken already */
  CHECK(pair.wire.client.ended && pair.wire.server.ended);
  CHECK(strstr(pair.wire.client.why, "the server's certificate is not") !=
        NULL);
  CHECK_BYTES(last, ALERT, "\x15\x03\x03\x00\x02\x02\x2a", ALERT);
  CHECK(strstr(pair.wire.server.why, "the TLS handshake failed") != NULL);
  close_pair(&pair);
}

TEST(tls_client_knows_addresses) {
  static const struct {
    const char *name;
    bool is_good;
  } rows[] = {{"127.0.0.1", true}, {"::1", true}, {"127.0.0.2", false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct pair pair = {.server = make_server(), .client = make_client()};
    check_context("%s", rows[i].name);
    CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, rows[i].name));
    tls_wire_run(&pair.wire);
    CHECK_EQ(pair.wire.client.opened, rows[i].is_good);
    close_pair(&pair);
  }
  check_no_context();
}

TEST(tls_client_trusts_nobody_else) {
  char error[TLS_ERROR_MAX];
  struct tls_client_options options = {.ca = tls_test_path("other.pem")};
  struct pair pair = {.server = make_server()};
  pair.client = tls_client_config(&options, error);
  if (!CHECK(pair.client != NULL)) return;
  CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "localhost"));
  tls_wire_run(&pair.wire);
  CHECK(!pair.wire.client.opened && pair.wire.client.ended);
  tls_wire_close(&pair.wire);
  tls_config_drop(pair.client);
  options = (struct tls_client_options){.is_insecure = true};
  pair.client = tls_client_config(&options, error);
  CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "any.example"));
  tls_wire_run(&pair.wire);
  CHECK(pair.wire.client.opened && pair.wire.server.opened);
  close_pair(&pair);
}

TEST(tls_describes_itself) {
  struct transport_secrecy secrecy;
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  struct transport *server = pair.wire.server.transport;
  server->ops->describe(server, &secrecy);
  CHECK(strncmp(secrecy.version, "TLSv1.", 6) == 0);
  CHECK(strstr(secrecy.cipher, "_CHACHA20_POLY1305_SHA256") != NULL);
  CHECK_TEXT(secrecy.server_name, "localhost");
  CHECK_TEXT(secrecy.client, "");
  close_pair(&pair);
}

TEST(tls_asks_clients_who_they_are) {
  struct transport_secrecy secrecy;
  char error[TLS_ERROR_MAX];
  struct tls_server_options options = *tls_test_server();
  options.client_ca = tls_test_path("cert.pem");
  for (int required = 0; required < 2; required++) {
    check_context("required %d", required);
    options.requires_client = required;
    struct tls_server *server = tls_server_new(NULL, &options, error);
    if (!CHECK(server != NULL)) return;
    struct pair pair = {.server = server, .client = make_client()};
    CHECK(tls_wire_open(&pair.wire, server, pair.client, "localhost"));
    tls_wire_run(&pair.wire);
    CHECK_EQ(pair.wire.server.opened, !required);
    tls_wire_close(&pair.wire);
    /* The client shows what the server trusts. */
    struct tls_identity identity;
    tls_identity_init(&identity);
    CHECK(tls_identity_load(&identity, &tls_test_server()->pairs[0], error));
    mbedtls_ssl_conf_own_cert(&pair.client->ssl, &identity.chain,
                              &identity.key);
    CHECK(tls_wire_open(&pair.wire, server, pair.client, "localhost"));
    tls_wire_run(&pair.wire);
    if (CHECK(pair.wire.server.opened)) {
      struct transport *transport = pair.wire.server.transport;
      transport->ops->describe(transport, &secrecy);
      CHECK(strstr(secrecy.client, "CN=localhost") != NULL);
    }
    close_pair(&pair);
    tls_identity_free(&identity);
  }
  check_no_context();
}

TEST(tls_refuses_a_client_that_nobody_knows) {
  char error[TLS_ERROR_MAX];
  struct tls_server_options options = *tls_test_server();
  struct tls_pair other = {tls_test_path("other.pem"),
                           tls_test_path("other-key.pem"), NULL};
  struct tls_identity identity;
  options.client_ca = tls_test_path("cert.pem");
  tls_identity_init(&identity);
  CHECK(tls_identity_load(&identity, &other, error));
  struct pair pair = {.server = tls_server_new(NULL, &options, error),
                      .client = make_client()};
  mbedtls_ssl_conf_own_cert(&pair.client->ssl, &identity.chain, &identity.key);
  CHECK(tls_wire_open(&pair.wire, pair.server, pair.client, "localhost"));
  tls_wire_run(&pair.wire);
  CHECK(!pair.wire.server.opened);
  CHECK(strstr(pair.wire.server.why, "the client's certificate is not") !=
        NULL);
  close_pair(&pair);
  tls_identity_free(&identity);
}

TEST(tls_serves_a_new_certificate_after_a_reload) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire);
  CHECK(tls_server_reload(pair.server));
  tls_end_send(&pair.wire.client, "still here", 10);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.server, "still here");
  close_pair(&pair);
}

/* ---- without memory */

static bool exchange(struct pair *pair) {
  pair->wire = (struct tls_wire){0};
  if (!tls_wire_open(&pair->wire, pair->server, pair->client, "localhost")) {
    return false;
  }
  tls_end_send(&pair->wire.client, "hello", 5);
  tls_wire_run(&pair->wire);
  return pair->wire.server.got.length > 0;
}

/* A handshake allocates ten thousand times, numbers mostly: one fails, each of
 * the first hundred and fewer of the later ones. It ends well or the
 * connection does; nothing false is delivered. */
TEST(tls_survives_each_missing_allocation_of_the_library) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  bool is_done = false;
  uint64_t n;
  for (n = 1; !is_done; n += n < 100 ? 1 : n / 25) {
    starve(STARVE_HEAP, n, false);
    bool is_good = exchange(&pair);
    is_done = !starve_end();
    if (is_good) check_got(&pair.wire.server, "hello");
    if (is_done) CHECK(is_good);
    tls_wire_close(&pair.wire);
  }
  CHECK(n > 100);
  tls_server_free(pair.server);
  tls_config_drop(pair.client);
}

/* More connections can be in the middle of a record than have buffers to spare:
 * here none has. */
TEST(tls_makes_buffers_where_none_is_left) {
  struct pair pair;
  open_pair(&pair);
  tls_wire_run(&pair.wire); /* both have given theirs back */
  tls_records_drain();
  tls_end_send(&pair.wire.client, "hello", 5);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.server, "hello");
  tls_records_drain();
  tls_end_send(&pair.wire.server, "world", 5);
  tls_wire_run(&pair.wire);
  check_got(&pair.wire.client, "world");
  close_pair(&pair);
}

TEST(tls_is_lost_where_buffers_cannot_be_made) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  bool is_done = false;
  uint64_t n, lost = 0;
  for (n = 1; !is_done && n < 100; n++) {
    CHECK(exchange(&pair));
    check_got(&pair.wire.server, "hello");
    tls_records_drain();
    starve(STARVE_HEAP, n, false);
    tls_end_send(&pair.wire.client, "again", 5);
    tls_wire_run(&pair.wire);
    is_done = !starve_end();
    bool has_come = pair.wire.server.got.length > 0;
    if (has_come) check_got(&pair.wire.server, "again");
    CHECK(has_come || pair.wire.server.error || pair.wire.client.error);
    if (is_done) CHECK(has_come);
    lost += !has_come;
    tls_wire_close(&pair.wire);
  }
  CHECK(n < 100 && lost > 0);
  tls_server_free(pair.server);
  tls_config_drop(pair.client);
}

TEST(tls_survives_each_missing_allocation_of_ours) {
  struct pair pair = {.server = make_server(), .client = make_client()};
  tls_drain();
  int64_t before = mem_in_use();
  for (uint64_t n = 1; n < 60; n++) {
    mem_fail_at(n, false);
    struct tls_wire *wire = &pair.wire;
    *wire = (struct tls_wire){0};
    wire->server.memory = NULL;
    bool is_good = exchange(&pair);
    mem_fail_at(0, false);
    (void)is_good;
    tls_wire_close(wire);
    tls_drain();
    CHECK_EQ(mem_in_use(), before);
  }
  tls_server_free(pair.server);
  tls_config_drop(pair.client);
}
