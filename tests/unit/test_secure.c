/*
 * test_secure - a service over TLS, as the server sees it. (TLS itself:
 * test_tls.c.)
 */
#include "check.h"
#include "support_stage.h"
#include "support_tls.h"

#include <string.h>

static struct tls_server *server;
static bool has_memory;

static struct transport *secure(struct service *service,
                                struct transport *below) {
  (void)service;
  return has_memory ? tls_server_wrap(server, below) : NULL;
}

static struct stage *open_stage(void) {
  char error[TLS_ERROR_MAX];
  server = tls_server_new(NULL, tls_test_server(), error);
  CHECK(server != NULL);
  tls_drain();
  struct stage *stage = stage_open();
  has_memory = true;
  stage->service.secure = secure;
  return stage;
}

static void close_stage(struct stage *stage) {
  server_terminate(&stage->server);
  stage_run(stage);
  tls_drain();
  stage_close(stage);
  tls_server_free(server);
}

/* Moves bytes between a client's end and the stage's peer, until none move. */
static void converse(struct stage *stage, struct tls_end *client,
                     struct peer *peer) {
  for (int idle = 0; idle < 3; idle++) {
    const struct buffer *out = memory_received(client->memory);
    if (out->length > 0) {
      peer_send_bytes(peer, out->bytes, out->length);
      memory_take(client->memory, out->length);
      idle = 0;
    }
    stage_turn(stage);
    if (!peer->memory) return;
    out = memory_received(peer->memory);
    if (out->length > 0) {
      memory_send(client->memory, out->bytes, out->length);
      memory_take(peer->memory, out->length);
      idle = 0;
    }
    memory_run(client->memory);
  }
}

TEST(secure_without_memory_is_closed) {
  struct stage *stage = open_stage();
  has_memory = false;
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "gone");
  close_stage(stage);
}

TEST(secure_gives_a_handshake_the_header_timeout) {
  struct stage *stage = open_stage();
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  stage_wait(stage, SERVICE_HEADER_TIMEOUT - 1000);
  CHECK_TEXT(peer_heard(peer), "");
  stage_wait(stage, 2000);
  CHECK_TEXT(stage_events(stage), "refused");
  CHECK_TEXT(peer_heard(peer), "gone");
  close_stage(stage);
}

TEST(secure_waits_a_moment_for_whoever_is_refused) {
  static const char request[] = "GET / HTTP/1.1\r\n\r\n";
  struct stage *stage = open_stage();
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  peer_send_bytes(peer, request, sizeof request - 1);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "refused");
  CHECK(peer->memory != NULL);
  peer_send_bytes(peer, request, sizeof request - 1); /* nobody reads it */
  stage_run(stage);
  stage_wait(stage, 2000);
  CHECK(peer->memory == NULL);
  CHECK_TEXT(stage_events(stage), "");
  close_stage(stage);
}

TEST(secure_closes_without_a_word_when_it_is_full) {
  struct stage *stage = open_stage();
  stage->server.max_connections = 0;
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "gone");
  close_stage(stage);
}

static void opens(bool has_proxy_header) {
  static const char header[] = "PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n";
  struct stage *stage = open_stage();
  struct tls_end client = {0};
  char error[TLS_ERROR_MAX];
  stage->service.raw = &stage->endpoint;
  stage->service.has_proxy_header = has_proxy_header;
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  if (has_proxy_header) peer_send_bytes(peer, header, sizeof header - 1);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  struct tls_config *config = tls_client_config(tls_test_client(), error);
  CHECK(tls_end_open(&client, config));
  converse(stage, &client, peer);
  CHECK(client.opened);
  CHECK_TEXT(stage_events(stage), "open");
  CHECK(connection_is_secure(stage->conn));
  tls_end_send(&client, "hi", 2);
  converse(stage, &client, peer);
  CHECK_TEXT(stage_events(stage), "binary hi");
  connection_close(stage->conn, 1000, SLICE(""));
  converse(stage, &client, peer);
  CHECK(client.ended && client.error == 0);
  tls_end_close(&client);
  tls_config_drop(config);
  close_stage(stage);
}

TEST(secure_raw_opens_when_tls_is_open) {
  opens(false);
}

TEST(secure_comes_behind_a_proxy_header) {
  opens(true);
}
