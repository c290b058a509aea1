/*
 * handshake - is this upgrade request good (RFC 6455 4.2.1)? It answers with a
 * refusal or with none, and writes nothing: which sub-protocol and extensions
 * are chosen, and what the response looks like, is decided above.
 *
 * The order of the checks is the order in which a puzzled person would want to
 * hear of them: is it a WebSocket request at all, of which version, and only
 * then its details.
 */
#include "handshake.h"

#include "digest.h"
#include "extension.h"
#include "http_bytes.h"

#include <errno.h>
#include <mbedtls/base64.h>

enum { MAX_PROTOCOLS = 64 }; /* they are compared each with each */

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */

bool handshake_is_wanted(const struct http_head *head) {
  return http_head_lists(head, "upgrade", "websocket");
}

static bool check_request(const struct http_head *head,
                          struct refusal *refusal) {
  if (!slice_equals(head->method, SLICE("GET"))) {
    return refusal_set(refusal, 405, "A WebSocket handshake is a GET request.");
  }
  if (head->minor == 0) {
    return refusal_set(refusal, 400, "A WebSocket handshake needs HTTP/1.1.");
  }
  if (!handshake_is_wanted(head)) {
    return refusal_set(refusal, 426, "Upgrade does not list \"websocket\".");
  }
  if (!http_head_lists(head, "connection", "upgrade")) {
    return refusal_set(refusal, 426, "Connection does not list \"upgrade\".");
  }
  if (http_head_get(head, "host", 0).length == 0) {
    return refusal_set(refusal, 400, "Host is empty.");
  }
  if (!head->chunked && head->length == 0) return true;
  return refusal_set(refusal, 400, "A WebSocket handshake has no body.");
}

static bool check_version(const struct http_head *head,
                          struct refusal *refusal) {
  struct slice version = http_head_get(head, "sec-websocket-version", 0);

  if (!version.at) {
    return refusal_set(refusal, 426, "Sec-WebSocket-Version is missing.");
  }
  if (http_head_get(head, "sec-websocket-version", 1).at) {
    return refusal_set(refusal, 400, "Sec-WebSocket-Version is given twice.");
  }
  if (slice_equals(version, SLICE("13"))) return true;
  return refusal_set(refusal, 426, "Sec-WebSocket-Version is not 13.");
}

static bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* 16 bytes are 21 full digits, one of which two bits count, and two times
 * padding; the four bits that do not count are zero (RFC 4648 3.5). */
static bool is_key(struct slice key) {
  if (key.length != HANDSHAKE_KEY_SIZE) return false;
  for (size_t i = 0; i < HANDSHAKE_KEY_SIZE - 3; i++) {
    if (!is_base64(key.at[i])) return false;
  }
  char last = key.at[HANDSHAKE_KEY_SIZE - 3];
  if (last != 'A' && last != 'Q' && last != 'g' && last != 'w') return false;
  return memcmp(key.at + HANDSHAKE_KEY_SIZE - 2, "==", 2) == 0;
}

static bool check_key(const struct http_head *head, struct refusal *refusal) {
  struct slice key = http_head_get(head, "sec-websocket-key", 0);

  if (!key.at)
    return refusal_set(refusal, 400, "Sec-WebSocket-Key is missing.");
  if (http_head_get(head, "sec-websocket-key", 1).at) {
    return refusal_set(refusal, 400, "Sec-WebSocket-Key is given twice.");
  }
  if (is_key(key)) return true;
  return refusal_set(refusal, 400,
                     "Sec-WebSocket-Key is not 16 bytes in base64.");
}

static bool is_listed(struct slice item, const struct slice *list,
                      size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (slice_equals(list[i], item)) return true;
  }
  return false;
}

/* Tokens, each once (RFC 6455 4.1, item 10), over all lines together. */
static bool check_protocols(const struct http_head *head,
                            struct refusal *refusal) {
  struct slice seen[MAX_PROTOCOLS];
  size_t count = 0;

  for (size_t n = 0;; n++) {
    struct slice rest = http_head_get(head, "sec-websocket-protocol", n);
    if (!rest.at) return true;
    while (rest.at) {
      struct slice item = slice_trim(slice_cut(&rest, ','));
      if (!http_is_token(item)) {
        return refusal_set(refusal, 400,
                           "Sec-WebSocket-Protocol is not a list of tokens.");
      }
      if (is_listed(item, seen, count)) {
        return refusal_set(refusal, 400,
                           "Sec-WebSocket-Protocol has an item twice.");
      }
      if (count == MAX_PROTOCOLS) {
        return refusal_set(refusal, 400,
                           "Sec-WebSocket-Protocol has more than 64 items.");
      }
      seen[count++] = item;
    }
  }
}

static bool take_extension(struct slice *rest) {
  struct extension extension;
  struct extension_parameter parameter;

  if (!extension_take(rest, &extension)) return false;
  while (extension.parameters.at) {
    if (!extension_take_parameter(&extension, &parameter)) return false;
  }
  return true;
}

/* Unknown extensions are well and good: they are not agreed to. What is known
 * is agreed on in deflate_terms.c. */
static bool check_extensions(const struct http_head *head,
                             struct refusal *refusal) {
  for (size_t n = 0;; n++) {
    struct slice rest = http_head_get(head, "sec-websocket-extensions", n);
    if (!rest.at) return true;
    while (rest.at) {
      if (take_extension(&rest)) continue;
      return refusal_set(refusal, 400,
                         "Sec-WebSocket-Extensions is malformed.");
    }
  }
}

bool handshake_check(const struct http_head *head, struct refusal *refusal) {
  *refusal = (struct refusal){0, NULL};
  return check_request(head, refusal) && check_version(head, refusal) &&
         check_key(head, refusal) && check_protocols(head, refusal) &&
         check_extensions(head, refusal);
}

int handshake_accept(struct slice key, char accept[HANDSHAKE_ACCEPT_SIZE]) {
  uint8_t joined[HANDSHAKE_KEY_SIZE + sizeof GUID - 1];
  uint8_t digest[SHA1_SIZE];
  uint8_t text[HANDSHAKE_ACCEPT_SIZE + 1]; /* mbedTLS ends it with a NUL. */
  size_t length;

  if (key.length != HANDSHAKE_KEY_SIZE) return -EINVAL;
  memcpy(joined, key.at, HANDSHAKE_KEY_SIZE);
  memcpy(joined + HANDSHAKE_KEY_SIZE, GUID, sizeof GUID - 1);
  if (digest_sha1(joined, sizeof joined, digest) != 0) return -EIO;
  if (mbedtls_base64_encode(text, sizeof text, &length, digest, SHA1_SIZE)) {
    return -EIO;
  }
  memcpy(accept, text, HANDSHAKE_ACCEPT_SIZE);
  return 0;
}
