/* The client's side of the opening handshake: what it writes is what our own
 * server takes, and what it takes is what RFC 6455 4.1 allows. */
#include "check.h"
#include "proto/client_handshake.h"
#include "proto/handshake.h"

#include <stdio.h>
#include <string.h>

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define SWITCH  "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static const struct {
  const char *name, *head, *offered;
  const char *why; /* a part of it; NULL: it is good */
  const char *protocol;
} cases[] = {
    {"that of RFC 6455 1.3", SWITCH UPGRADE ACCEPT "\r\n", "", NULL, ""},
    {"any case",
     "HTTP/1.1 101 OK\r\nupgrade: WebSocket\r\n"
     "connection: keep-alive, UPGRADE\r\n"
     "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     "", NULL, ""},
    {"a sub-protocol",
     SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol: b\r\n\r\n", "a, b", NULL,
     "b"},
    {"no sub-protocol of those offered", SWITCH UPGRADE ACCEPT "\r\n", "a, b",
     NULL, ""},
    {"no extension", SWITCH UPGRADE ACCEPT "Sec-WebSocket-Extensions: \r\n\r\n",
     "", NULL, ""},
    {"HTTP/1.0", "HTTP/1.0 101 OK\r\n" UPGRADE ACCEPT "\r\n", "", "HTTP/1.1",
     NULL},
    {"no Upgrade", SWITCH "Connection: Upgrade\r\n" ACCEPT "\r\n", "",
     "Upgrade", NULL},
    {"another Upgrade",
     SWITCH "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n", "",
     "Upgrade", NULL},
    {"two of them",
     SWITCH "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
     "", "Upgrade", NULL},
    {"no Connection", SWITCH "Upgrade: websocket\r\n" ACCEPT "\r\n", "",
     "Connection", NULL},
    {"another Connection",
     SWITCH "Upgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n", "",
     "Connection", NULL},
    {"no accept", SWITCH UPGRADE "\r\n", "", "no Sec-WebSocket-Accept", NULL},
    {"an empty accept", SWITCH UPGRADE "Sec-WebSocket-Accept:\r\n\r\n", "",
     "not that of the key", NULL},
    {"another accept",
     SWITCH UPGRADE
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOa=\r\n\r\n",
     "", "not that of the key", NULL},
    {"an accept in another case",
     SWITCH UPGRADE
     "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     "", "not that of the key", NULL},
    {"the accept twice", SWITCH UPGRADE ACCEPT ACCEPT "\r\n", "", "twice",
     NULL},
    {"an extension",
     SWITCH UPGRADE ACCEPT
     "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
     "", "extension", NULL},
    {"a sub-protocol that nobody asked for",
     SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol: a\r\n\r\n", "",
     "not asked for", NULL},
    {"another sub-protocol",
     SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol: A\r\n\r\n", "a, b",
     "not asked for", NULL},
    {"an empty sub-protocol",
     SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol:\r\n\r\n", "a, b",
     "not asked for", NULL},
    {"both sub-protocols",
     SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol: a, b\r\n\r\n", "a, b",
     "not asked for", NULL},
    {"one after the other",
     SWITCH UPGRADE ACCEPT
     "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n",
     "a, b", "twice", NULL},
};

TEST(client_handshake_checks_the_answer) {
  static struct http_answer answer;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct refusal refusal;
    struct client_request request = {.key = SLICE(KEY),
                                     .protocols = slice_of(cases[i].offered)};
    struct client_choice choice = {.protocol = SLICE("?")};
    size_t length = strlen(cases[i].head);
    check_context("%s", cases[i].name);
    CHECK(http_answer_parse(&answer, (char *)guarded(cases[i].head, length),
                            length, &refusal));
    const char *why = client_handshake_check(&answer, &request, &choice);
    CHECK((why == NULL) == (cases[i].why == NULL));
    if (why) {
      CHECK(cases[i].why && strstr(why, cases[i].why));
    } else {
      CHECK(slice_equals(choice.protocol, slice_of(cases[i].protocol)));
      CHECK(!choice.is_deflated);
    }
  }
  check_no_context();
}

TEST(client_handshake_is_one_that_the_server_takes) {
  static struct http_head head;
  struct buffer bytes = {0};
  struct refusal refusal;
  char key[HANDSHAKE_KEY_SIZE], other[HANDSHAKE_KEY_SIZE];
  CHECK(client_handshake_key(key));
  CHECK(client_handshake_key(other));
  CHECK(memcmp(key, other, sizeof key) != 0);
  struct client_request request = {.target = SLICE("/a?b"),
                                   .host = SLICE("[::1]:8080"),
                                   .key = {key, sizeof key},
                                   .protocols = SLICE("a, b"),
                                   .headers = SLICE("Origin: http://x\r\n")};
  CHECK(client_handshake_write(&bytes, &request));
  CHECK(http_head_parse(&head, (char *)bytes.bytes, bytes.length, &refusal));
  CHECK(handshake_check(&head, &refusal));
  CHECK(slice_equals(head.target, SLICE("/a?b")));
  CHECK(slice_equals(http_head_get(&head, "host", 0), SLICE("[::1]:8080")));
  CHECK(slice_equals(http_head_get(&head, "origin", 0), SLICE("http://x")));
  CHECK(http_head_lists(&head, "sec-websocket-protocol", "b"));
  buffer_free(&bytes);
}

TEST(client_handshake_offers_nothing_that_it_was_not_told) {
  static struct http_head head;
  struct buffer bytes = {0};
  struct refusal refusal;
  struct client_request request = {.target = SLICE("/"),
                                   .host = SLICE("a"),
                                   .key = SLICE(KEY),
                                   .protocols = SLICE(""),
                                   .headers = SLICE("")};
  CHECK(client_handshake_write(&bytes, &request));
  CHECK(http_head_parse(&head, (char *)bytes.bytes, bytes.length, &refusal));
  CHECK(handshake_check(&head, &refusal));
  CHECK(!http_head_get(&head, "sec-websocket-protocol", 0).at);
  CHECK(!http_head_get(&head, "sec-websocket-extensions", 0).at);
  buffer_free(&bytes);
}

/* test_deflate_terms has what may be answered to an offer. */
TEST(client_handshake_offers_compression) {
  static struct http_head head;
  static struct http_answer answer;
  static const char agreed[] = SWITCH UPGRADE ACCEPT
      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
  static const char other[] =
      SWITCH UPGRADE ACCEPT "Sec-WebSocket-Extensions: x\r\n\r\n";
  static const char declined[] = SWITCH UPGRADE ACCEPT "\r\n";
  struct buffer bytes = {0};
  struct refusal refusal;
  struct deflate_settings settings = deflate_settings_default;
  struct client_choice choice;
  settings.is_wanted = true;
  settings.keeps_server_context = settings.keeps_client_context = true;
  struct deflate_terms offer = deflate_offer(&settings);
  struct client_request request = {.target = SLICE("/"),
                                   .host = SLICE("a"),
                                   .key = SLICE(KEY),
                                   .protocols = SLICE(""),
                                   .headers = SLICE(""),
                                   .deflate = &offer};
  CHECK(client_handshake_write(&bytes, &request));
  CHECK(http_head_parse(&head, (char *)bytes.bytes, bytes.length, &refusal));
  CHECK(slice_equals(http_head_get(&head, "sec-websocket-extensions", 0),
                     SLICE("permessage-deflate; client_max_window_bits")));
  buffer_free(&bytes);
  CHECK(http_answer_parse(&answer, agreed, sizeof agreed - 1, &refusal));
  CHECK(!client_handshake_check(&answer, &request, &choice));
  CHECK(choice.is_deflated);
  CHECK(http_answer_parse(&answer, declined, sizeof declined - 1, &refusal));
  CHECK(!client_handshake_check(&answer, &request, &choice));
  CHECK(!choice.is_deflated);
  CHECK(http_answer_parse(&answer, other, sizeof other - 1, &refusal));
  CHECK(client_handshake_check(&answer, &request, &choice) != NULL);
}

TEST(client_handshake_sets_its_own_headers) {
  CHECK(client_handshake_sets(SLICE("sec-websocket-key")));
  CHECK(client_handshake_sets(SLICE("HOST")));
  CHECK(!client_handshake_sets(SLICE("Origin")));
  CHECK(!client_handshake_sets(SLICE("Authorization")));
}
