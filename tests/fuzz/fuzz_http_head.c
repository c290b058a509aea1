/*
 * fuzz_http_head - the two passes over any bytes: the scan must say the same
 * whole and byte by byte, the parse must stay inside what the scan measured,
 * and a head that both let pass must keep what http_head.h promises.
 */
#include "proto/handshake.h"
#include "proto/http_bytes.h"
#include "proto/http_head.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 2048 };

static size_t scan_whole(const char *bytes, size_t length,
                         struct refusal *refusal) {
  struct http_scan scan = {0};

  return http_scan(&scan, bytes, length, MAX_SIZE, refusal);
}

static size_t scan_bytewise(const char *bytes, size_t length,
                            struct refusal *refusal) {
  struct http_scan scan = {0};

  *refusal = (struct refusal){0, NULL};
  for (size_t i = 1; i <= length; i++) {
    size_t size = http_scan(&scan, bytes, i, MAX_SIZE, refusal);
    if (size > 0 || refusal->status) return size;
  }
  return 0;
}

static void check_inside(struct slice part, const char *bytes, size_t length) {
  if (!part.at || part.at < bytes) abort();
  if (part.length > length || part.at > bytes + length - part.length) abort();
  if (part.length > 0 && memchr(part.at, '\n', part.length)) abort();
  if (part.length > 0 && memchr(part.at, '\0', part.length)) abort();
}

static void check_head(const struct http_head *head, const char *bytes,
                       size_t length) {
  check_inside(head->method, bytes, length);
  check_inside(head->target, bytes, length);
  if (head->count > HTTP_MAX_HEADERS || head->major != 1) abort();
  for (size_t i = 0; i < head->count; i++) {
    check_inside(head->headers[i].name, bytes, length);
    check_inside(head->headers[i].value, bytes, length);
    if (!http_is_token(head->headers[i].name)) abort();
  }
  if (head->minor == 1 && !http_head_get(head, "host", 0).at) abort();
  if (http_head_get(head, "host", 1).at) abort();
  if (head->chunked && head->has_length) abort();
}

static void check_handshake(const struct http_head *head) {
  struct refusal refusal;
  char accept[HANDSHAKE_ACCEPT_SIZE];

  if (!handshake_check(head, &refusal)) {
    if (refusal.status < 400 || !refusal.reason) abort();
    return;
  }
  if (head->chunked || head->length > 0) abort();
  if (handshake_accept(http_head_get(head, "sec-websocket-key", 0), accept)) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct refusal refusal, again;
  struct http_head head;
  size_t length = scan_whole((const char *)data, size, &refusal);

  if (scan_bytewise((const char *)data, size, &again) != length) abort();
  if (refusal.status != again.status || refusal.reason != again.reason) abort();

  /* A copy of just its size, so that reading on is seen; and the parse must
   * bear heads that no scan has looked at. */
  size_t taken = length ? length : size;
  char *bytes = malloc(taken);
  if (!bytes) abort();
  if (taken > 0) memcpy(bytes, data, taken);
  bool is_good = http_head_parse(&head, bytes, taken, &refusal);
  if (is_good == (refusal.status != 0)) abort();
  if (is_good && length > 0) {
    check_head(&head, bytes, taken);
    check_handshake(&head);
  }
  free(bytes);
  return 0;
}
