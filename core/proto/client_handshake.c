/* What a server may get wrong is checked in the order of RFC 6455 4.1. */
#include "client_handshake.h"

#include "base/random.h"
#include "http_parts.h"
#include "http_response.h"

#include <mbedtls/base64.h>

bool client_handshake_key(char key[HANDSHAKE_KEY_SIZE]) {
  uint8_t bytes[16],
      text[HANDSHAKE_KEY_SIZE + 1]; /* mbedTLS ends it with a NUL */
  size_t length;
  if (!random_bytes(bytes, sizeof bytes)) return false;
  if (mbedtls_base64_encode(text, sizeof text, &length, bytes, sizeof bytes)) {
    return false;
  }
  memcpy(key, text, HANDSHAKE_KEY_SIZE);
  return true;
}

static bool write_line(struct buffer *to, struct slice name,
                       struct slice value) {
  return value.length == 0 || http_response_header(to, name, value);
}

static bool write_offer(struct buffer *to, const struct deflate_terms *offer) {
  char text[DEFLATE_TERMS_MAX];
  if (!offer) return true;
  size_t length = deflate_write_offer(offer, text);
  return write_line(to, SLICE("Sec-WebSocket-Extensions"),
                    (struct slice){text, length});
}

bool client_handshake_write(struct buffer *to,
                            const struct client_request *request) {
  struct slice target = request->target, headers = request->headers;
  return buffer_append_text(to, "GET ") &&
         buffer_append(to, target.at, target.length) &&
         buffer_append_text(to, " HTTP/1.1\r\n") &&
         write_line(to, SLICE("Host"), request->host) &&
         buffer_append_text(to, "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n") &&
         write_line(to, SLICE("Sec-WebSocket-Key"), request->key) &&
         write_line(to, SLICE("Sec-WebSocket-Protocol"), request->protocols) &&
         write_offer(to, request->deflate) &&
         buffer_append(to, headers.at, headers.length) &&
         buffer_append(to, "\r\n", 2);
}

bool client_handshake_sets(struct slice name) {
  static const char *const ours[] = {"Upgrade",
                                     "Connection",
                                     "Sec-WebSocket-Key",
                                     "Sec-WebSocket-Version",
                                     "Content-Length",
                                     "Transfer-Encoding",
                                     "Sec-WebSocket-Protocol",
                                     "Sec-WebSocket-Extensions",
                                     "Host"};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
    if (slice_equals_nocase(name, slice_of(ours[i]))) return true;
  }
  return false;
}

static const char *check_switch(const struct http_head *head) {
  if (head->minor == 0) return "The 101 is not of HTTP/1.1.";
  if (http_parts_count(head, "upgrade") != 1 ||
      !slice_equals_nocase(http_head_get(head, "upgrade", 0),
                           SLICE("websocket"))) {
    return "The 101's Upgrade is not \"websocket\".";
  }
  if (http_head_lists(head, "connection", "upgrade")) return NULL;
  return "The 101's Connection does not list \"upgrade\".";
}

static const char *check_accept(const struct http_head *head,
                                struct slice key) {
  char wanted[HANDSHAKE_ACCEPT_SIZE];
  struct slice accept = {wanted, sizeof wanted};
  size_t count = http_parts_count(head, "sec-websocket-accept");
  if (count == 0) return "The 101 has no Sec-WebSocket-Accept.";
  if (count > 1) return "The 101 has Sec-WebSocket-Accept twice.";
  if (handshake_accept(key, wanted) == 0 &&
      slice_equals(http_head_get(head, "sec-websocket-accept", 0), accept)) {
    return NULL;
  }
  return "The 101's Sec-WebSocket-Accept is not that of the key.";
}

static const char *check_protocol(const struct http_head *head,
                                  struct slice offered,
                                  struct slice *protocol) {
  size_t count = http_parts_count(head, "sec-websocket-protocol");
  *protocol = SLICE("");
  if (count == 0) return NULL;
  if (count > 1) return "The 101 has Sec-WebSocket-Protocol twice.";
  struct slice chosen = http_head_get(head, "sec-websocket-protocol", 0);
  while (offered.at) {
    *protocol = slice_trim(slice_cut(&offered, ','));
    if (protocol->length > 0 && slice_equals(*protocol, chosen)) return NULL;
  }
  return "The 101 has a sub-protocol that was not asked for.";
}

static const char *check_extensions(const struct http_head *head,
                                    const struct deflate_terms *offer,
                                    struct client_choice *choice) {
  const char *why = NULL;
  choice->is_deflated = false;
  if (offer) {
    choice->is_deflated =
        deflate_read_answer(head, offer, &choice->deflate, &why) > 0;
  } else if (http_head_get(head, "sec-websocket-extensions", 0).length > 0) {
    why = "The 101 has an extension that was not asked for.";
  }
  return why;
}

const char *client_handshake_check(const struct http_answer *answer,
                                   const struct client_request *request,
                                   struct client_choice *choice) {
  const struct http_head *head = &answer->head;
  const char *why = check_switch(head);
  if (!why) why = check_accept(head, request->key);
  if (!why) why = check_extensions(head, request->deflate, choice);
  if (why) return why;
  return check_protocol(head, request->protocols, &choice->protocol);
}
