/*
 * fuzz_http_answer - what a server may say to a client: the scan must say the
 * same whole and byte by byte, the parse must stay inside what the scan
 * measured, and what both let pass must keep what http_answer.h promises.
 */
#include "proto/client_handshake.h"
#include "proto/http_body.h"
#include "proto/http_bytes.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 2048, MAX_BODY = 1024 };

static size_t scan_whole(const char *bytes, size_t length,
                         struct refusal *refusal) {
  struct http_scan scan = {0};
  return http_answer_scan(&scan, bytes, length, MAX_SIZE, refusal);
}

static size_t scan_bytewise(const char *bytes, size_t length,
                            struct refusal *refusal) {
  struct http_scan scan = {0};
  *refusal = (struct refusal){0, NULL};
  for (size_t i = 1; i <= length; i++) {
    size_t size = http_answer_scan(&scan, bytes, i, MAX_SIZE, refusal);
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

static void check_answer(const struct http_answer *answer, const char *bytes,
                         size_t length) {
  const struct http_head *head = &answer->head;
  if (answer->status < 100 || answer->status > 999) abort();
  check_inside(answer->phrase, bytes, length);
  if (head->count > HTTP_MAX_HEADERS || head->major != 1) abort();
  for (size_t i = 0; i < head->count; i++) {
    check_inside(head->headers[i].name, bytes, length);
    check_inside(head->headers[i].value, bytes, length);
    if (!http_is_token(head->headers[i].name)) abort();
  }
  if (head->chunked && head->has_length) abort();
}

/* The key of RFC 6455 1.3, for which the seeds have the answer. */
static void check_handshake(const struct http_answer *answer) {
  struct deflate_settings settings = deflate_settings_default;
  struct deflate_terms offer = deflate_offer(&settings);
  struct client_request request = {.key = SLICE("dGhlIHNhbXBsZSBub25jZQ=="),
                                   .protocols = SLICE("a, b"),
                                   .deflate = &offer};
  struct client_choice choice = {.protocol = {NULL, 0}};
  const char *why = client_handshake_check(answer, &request, &choice);
  if (why) return;
  if (!choice.protocol.at || choice.protocol.length > 1) abort();
  if (choice.is_deflated && choice.deflate.server.window_bits > 15) abort();
  if (!http_head_lists(&answer->head, "connection", "upgrade")) abort();
}

static void read_body(const struct http_answer *answer, const char *bytes,
                      size_t length) {
  size_t used;
  if (http_answer_body(answer, false) != HTTP_ANSWER_FRAMED) return;
  struct http_body *body = http_body_new(&answer->head, MAX_BODY);
  if (!body) abort();
  http_body_feed(body, bytes, length, &used);
  if (used > length || http_body_content(body).length > MAX_BODY) abort();
  http_body_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct http_answer answer;
  struct refusal refusal, again;
  size_t length = scan_whole((const char *)data, size, &refusal);

  if (scan_bytewise((const char *)data, size, &again) != length) abort();
  if (refusal.status != again.status || refusal.reason != again.reason) abort();

  /* A copy of just its size, so that reading on is seen; and the parse must
   * bear heads that no scan has looked at. */
  size_t taken = length ? length : size;
  char *bytes = malloc(taken);
  if (!bytes) abort();
  if (taken > 0) memcpy(bytes, data, taken);
  refusal = (struct refusal){0, NULL};
  bool is_good = http_answer_parse(&answer, bytes, taken, &refusal);
  if (is_good == (refusal.status != 0)) abort();
  if (is_good && length > 0) {
    check_answer(&answer, bytes, taken);
    check_handshake(&answer);
    read_body(&answer, (const char *)data + length, size - length);
  }
  free(bytes);
  return 0;
}
