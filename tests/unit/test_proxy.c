/*
 * test_proxy - connections by way of a proxy, and how many an address may have.
 * (What headers mean: test_proxy_header.c, test_forwarded.c.) Every peer is
 * 127.0.0.1:4321.
 */
#include "check.h"
#include "support_stage.h"
#include "support_starve.h"

#include <stdio.h>
#include <string.h>

#define HEADER "PROXY TCP4 203.0.113.7 192.0.2.9 56324 443\r\n"
#define GET    "GET / HTTP/1.1\r\nHost: a\r\n"

static struct network list[2];
static char clients[512];

/* "203.0.113.7:56324; " for each request. */
static void tell_client(struct stage *stage, struct connection *conn) {
  char address[ADDRESS_TEXT_MAX];
  size_t at = strlen(clients);
  (void)stage;
  address_format(connection_client(conn), address);
  snprintf(clients + at, sizeof clients - at, "%s:%d%s; ", address,
           connection_client(conn)->port,
           connection_is_secure(conn) ? " secure" : "");
  connection_answer(conn, 200, SLICE(""), SLICE(""));
}

static struct stage *open_stage(const char *trusted, bool has_header) {
  struct stage *stage = stage_open();

  clients[0] = '\0';
  stage->decide = tell_client;
  stage->service.has_proxy_header = has_header;
  if (trusted) {
    CHECK(network_parse(slice_of(trusted), &list[0]));
    stage->service.trusted = (struct networks){1, list};
  }
  return stage;
}

static struct peer *send_text(struct stage *stage, const char *text) {
  struct peer *peer = stage_connect(stage);

  stage_run(stage);
  peer_send_text(peer, text);
  stage_run(stage);
  return peer;
}

TEST(proxy_header_names_the_client) {
  struct stage *stage = open_stage(NULL, true);

  send_text(stage, HEADER GET "\r\n" GET "X-Forwarded-For: 1.1.1.1\r\n\r\n");
  CHECK_TEXT(clients, "203.0.113.7:56324; 203.0.113.7:56324; ");
  stage_close(stage);
}

TEST(proxy_header_may_come_in_pieces) {
  static const char text[] = HEADER GET "\r\n";
  for (size_t cut = 1; cut < sizeof text - 1; cut++) {
    struct stage *stage = open_stage("127.0.0.0/8", true);
    struct peer *peer = stage_connect(stage);
    check_context("cut at %d", (int)cut);
    peer_send_bytes(peer, text, cut);
    stage_run(stage);
    peer_send_bytes(peer, text + cut, sizeof text - 1 - cut);
    stage_run(stage);
    CHECK_TEXT(clients, "203.0.113.7:56324; ");
    stage_close(stage);
  }
}

TEST(proxy_header_may_name_nobody) {
  struct stage *stage = open_stage(NULL, true);

  send_text(stage, "PROXY UNKNOWN\r\n" GET "\r\n");
  CHECK_TEXT(clients, "127.0.0.1:4321; ");
  CHECK(!stage->conn->client);
  stage_close(stage);
}

TEST(proxy_header_is_required) {
  struct stage *stage = open_stage(NULL, true);
  struct peer *peer = send_text(stage, GET "\r\n");

  CHECK_TEXT(peer_heard(peer), "gone");
  CHECK_TEXT(stage_events(stage), "refused");
  peer = stage_connect(stage);
  peer_send_bytes(peer, HEADER, 10);
  stage_wait(stage, 9000);
  CHECK_TEXT(peer_heard(peer), "");
  stage_wait(stage, 2000);
  CHECK_TEXT(peer_heard(peer), "gone");
  CHECK_TEXT(stage_events(stage), "2:refused");
  CHECK_TEXT(clients, "");
  stage_close(stage);
}

TEST(proxy_header_of_a_stranger_is_refused) {
  struct stage *stage = open_stage("10.0.0.1", true);
  struct peer *peer = send_text(stage, HEADER GET "\r\n");

  CHECK_TEXT(peer_heard(peer), "gone");
  CHECK_TEXT(stage_events(stage), "refused");
  stage_close(stage);
}

TEST(proxy_header_may_be_broken_off) {
  struct stage *stage = open_stage(NULL, true);
  struct peer *peer = send_text(stage, "PROXY TC");

  memory_send_fin(peer->memory);
  stage_wait(stage, 2000);
  CHECK_TEXT(peer_heard(peer), "FIN; gone");
  peer = send_text(stage, "PROXY TC");
  server_drain(&stage->server, NULL, NULL);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "gone");
  stage_close(stage);
}

static void note_client(struct stage *stage, struct connection *conn) {
  char address[ADDRESS_TEXT_MAX];
  (void)stage;
  address_format(connection_client(conn), address);
  snprintf(clients, sizeof clients, "%s", address);
}

TEST(proxy_header_precedes_raw_bytes_too) {
  struct stage *stage = open_stage(NULL, true);

  stage->service.raw = &stage->endpoint;
  stage->act_on = "open";
  stage->act = note_client;
  struct peer *peer = send_text(stage, "PROXY UNKN");
  CHECK_TEXT(stage_events(stage), "");
  peer_send_bytes(peer, "OWN\r\n", 5);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open");
  CHECK_TEXT(clients, "127.0.0.1");
  send_text(stage, HEADER "hello");
  CHECK_TEXT(stage_events(stage), "2:open; 2:binary hello");
  CHECK_TEXT(clients, "203.0.113.7");
  stage_wait(stage, 60000);
  CHECK_TEXT(stage_events(stage), "");
  stage_close(stage);
}

TEST(proxy_header_precedes_raw_bytes_that_are_not_wanted_yet) {
  struct stage *stage = open_stage(NULL, true);

  stage->service.raw = &stage->endpoint;
  stage->act_on = "open";
  stage->act = stage_pause;
  struct peer *peer = send_text(stage, HEADER "hello");
  peer_send_bytes(peer, " there", 6);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "binary hello; binary  there");
  stage_close(stage);
}

TEST(forwarded_holds_for_its_own_request) {
  struct stage *stage = open_stage("127.0.0.1", false);

  send_text(stage, GET "X-Forwarded-For: 203.0.113.7\r\n"
                       "X-Forwarded-Proto: https\r\n\r\n" GET "\r\n" GET
                       "Forwarded: for=203.0.113.8\r\n\r\n");
  CHECK_TEXT(clients, "203.0.113.7:0 secure; 127.0.0.1:4321; 203.0.113.8:0; ");
  stage_close(stage);
}

TEST(forwarded_by_a_stranger_costs_nothing) {
  struct stage *stage = open_stage("10.0.0.1", false);

  send_text(stage, GET "X-Forwarded-For: 203.0.113.7\r\n\r\n");
  CHECK_TEXT(clients, "127.0.0.1:4321; ");
  CHECK(!stage->conn->client);
  CHECK(sizeof(struct connection) <= 368);
  stage_close(stage);
}

TEST(forwarded_that_is_in_doubt_is_logged) {
  struct stage *stage = open_stage("127.0.0.1", false);

  send_text(stage, GET "X-Forwarded-For: 203.0.113.7\r\n"
                       "Forwarded: for=1.1.1.1\r\n\r\n");
  CHECK_TEXT(clients, "127.0.0.1:4321; ");
  CHECK_TEXT(stage_events(stage), "refused");
  stage_close(stage);
}

TEST(forwarded_goes_on_from_the_proxy_header) {
  struct stage *stage = open_stage("127.0.0.1", true);

  CHECK(network_parse(SLICE("203.0.113.0/24"), &list[1]));
  stage->service.trusted.count = 2;
  send_text(stage, HEADER GET "X-Forwarded-For: 9.9.9.9\r\n\r\n" GET "\r\n");
  CHECK_TEXT(clients, "9.9.9.9:0; 203.0.113.7:56324; ");
  stage_close(stage);
}

TEST(proxy_survives_each_failing_allocation) {
  for (uint64_t n = 1, more = 1; more; n++) {
    struct stage *stage = open_stage("127.0.0.1", true);
    check_context("allocation %d", (int)n);
    stage->service.max_per_address = 1;
    starve(STARVE_CORE, n, false);
    send_text(stage, HEADER GET "X-Forwarded-For: 9.9.9.9\r\n\r\n");
    more = starve_end();
    if (!more) CHECK_TEXT(clients, "203.0.113.7:56324; ");
    stage_close(stage);
  }
}

/* ---- limits */

TEST(server_limits_connections_of_an_address) {
  struct stage *stage = stage_open();

  stage->service.max_per_address = 2;
  struct peer *first = stage_upgraded(stage);
  stage_upgraded(stage);
  struct peer *third = stage_connect(stage);
  stage_run(stage);
  const char *raw = peer_heard_raw(third);
  CHECK(strncmp(raw, "HTTP/1.1 429 ", 13) == 0);
  CHECK(strstr(raw, "\r\nRetry-After: ") != NULL);
  CHECK_TEXT(stage_events(stage), "3:refused 429");
  memory_send_fin(first->memory);
  stage_wait(stage, 2000);
  stage_wait(stage, 2000);
  stage_upgraded(stage);
  CHECK_EQ(tally_count(&stage->server.tally, &stage->conn->peer), 2);
  stage_close(stage);
}

static const struct address host = {.family = 4, .bytes = {127, 0, 0, 1}};

/* getpeername fails from the moment of the peer's RST on. */
static struct address gone_at_the_second_time(struct transport *transport) {
  static int asked;
  (void)transport;
  return asked++ ? (struct address){0} : host;
}

TEST(server_counts_a_peer_that_is_gone_at_once) {
  struct stage *stage = stage_open();
  struct memory_transport *memory = memory_transport_new();
  struct transport *transport = memory_transport_face(memory);
  struct transport_ops ops = *transport->ops;

  ops.peer = gone_at_the_second_time;
  transport->ops = &ops;
  stage->service.max_per_address = 1;
  stage->peers[stage->peer_count++] =
      (struct peer){.stage = stage, .memory = memory};
  server_accept(&stage->server, &stage->service, transport);
  memory_send_fin(memory);
  stage_wait(stage, 2000);
  CHECK_EQ(stage->server.count, 0);
  CHECK_EQ(tally_count(&stage->server.tally, &host), 0);
  stage_close(stage);
}

TEST(server_limits_raw_connections_of_an_address) {
  struct stage *stage = stage_open();

  stage->service.raw = &stage->endpoint;
  stage->service.max_per_address = 1;
  stage_connect(stage);
  struct peer *second = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(second), "gone");
  CHECK_TEXT(stage_events(stage), "open");
  stage_close(stage);
}

TEST(server_does_not_limit_proxies) {
  struct stage *stage = open_stage("127.0.0.1", false);

  stage->service.max_per_address = 1;
  for (int i = 0; i < 3; i++) send_text(stage, GET "\r\n");
  CHECK_TEXT(clients, "127.0.0.1:4321; 127.0.0.1:4321; 127.0.0.1:4321; ");
  CHECK_EQ(stage->server.tally.count, 0);
  stage_close(stage);
}

TEST(server_refuses_a_crowd_at_once) {
  struct stage *stage = stage_open();
  struct peer *peers[SERVER_REFUSED_MAX + 2];

  stage->server.max_connections = 1;
  stage_upgraded(stage);
  for (int i = 0; i < SERVER_REFUSED_MAX + 2; i++) {
    peers[i] = stage_connect(stage);
  }
  stage_run(stage);
  CHECK_TEXT(peer_heard(peers[0]), "503; FIN");
  CHECK_TEXT(peer_heard(peers[SERVER_REFUSED_MAX - 1]), "503; FIN");
  CHECK_TEXT(peer_heard(peers[SERVER_REFUSED_MAX]), "503; gone");
  CHECK_TEXT(peer_heard(peers[SERVER_REFUSED_MAX + 1]), "503; gone");
  CHECK_EQ(stage->server.count, 1 + SERVER_REFUSED_MAX);
  stage_close(stage);
}
