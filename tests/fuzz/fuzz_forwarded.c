/*
 * fuzz_forwarded - any lines of headers, from a trusted proxy: whom they name
 * must be an address that can be written and read, never believed from a peer
 * that is not trusted, and never chosen by what stands left of the first
 * stranger.
 */
#include "proto/forwarded.h"

#include <stdlib.h>
#include <string.h>

#define START "GET / HTTP/1.1\r\nHost: a\r\n"
/* What a client might have sent before the proxy added to it. */
#define INVENTED "192.0.2.66"

static struct networks trusted_networks(void) {
  static struct network list[3];
  static struct networks networks = {3, list};
  if (!network_parse(SLICE("10.0.0.0/8"), &list[0])) abort();
  if (!network_parse(SLICE("::1"), &list[1])) abort();
  if (!network_parse(SLICE("unix"), &list[2])) abort();
  return networks;
}

static struct address address_in(const char *text) {
  struct address address;
  if (!address_parse(slice_of(text), &address)) abort();
  return address;
}

/* The head is a copy of just its size, so that reading on is seen. False when
 * it is none. */
static bool read_from(const char *peer, const char *before,
                      const struct slice *lines, struct forwarded *result,
                      bool *is_sure) {
  struct networks trusted = trusted_networks();
  struct http_head head;
  struct refusal refusal;
  size_t first = strlen(START), second = strlen(before);
  size_t length = first + second + lines->length;
  char *bytes = malloc(length);
  if (!bytes) abort();
  memcpy(bytes, START, first);
  memcpy(bytes + first, before, second);
  memcpy(bytes + first + second, lines->at, lines->length);
  bool is_head = http_head_parse(&head, bytes, length, &refusal);
  if (is_head) {
    *is_sure = forwarded_read(&head, &trusted, address_in(peer), result);
  }
  free(bytes);
  return is_head;
}

static void check_address(const struct address *address) {
  char text[ADDRESS_TEXT_MAX];
  struct address again;
  if (address->family == 0) abort();
  address_format(address, text);
  if (!address_parse(slice_of(text), &again)) abort();
  if (!address_equals(&again, address)) abort();
}

/* Both a stranger, and so no further than them does the walk go. */
static void check_invented(const struct slice *lines,
                           const struct forwarded *expected, bool was_sure) {
  struct forwarded result;
  struct networks trusted = trusted_networks();
  bool is_sure;
  if (!was_sure || networks_have(&trusted, &expected->client)) return;
  if (!read_from("10.0.0.1", "X-Forwarded-For: " INVENTED "\r\n", lines,
                 &result, &is_sure)) {
    return; /* too many lines */
  }
  struct address invented = address_in(INVENTED);
  if (address_equals(&expected->client, &invented) || !is_sure) return;
  if (address_equals(&result.client, &invented)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct slice lines = {(const char *)data, size};
  struct forwarded result, again;
  struct address stranger = address_in("203.0.113.9");
  bool is_sure, is_sure_again;

  if (!read_from("10.0.0.1", "", &lines, &result, &is_sure)) return 0;
  check_address(&result.client);
  struct address proxy = address_in("10.0.0.1");
  if (!is_sure && !address_equals(&result.client, &proxy)) abort();
  if (!read_from("10.0.0.1", "", &lines, &again, &is_sure_again)) abort();
  if (is_sure != is_sure_again || result.is_secure != again.is_secure) abort();
  if (!address_equals(&result.client, &again.client)) abort();
  check_invented(&lines, &result, is_sure);

  if (!read_from("203.0.113.9", "", &lines, &result, &is_sure)) abort();
  if (!is_sure || result.is_secure) abort();
  if (!address_equals(&result.client, &stranger)) abort();
  return 0;
}
