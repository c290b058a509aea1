/*
 * fuzz_http_chunks - any bytes as a chunked body: whole, byte by byte and in
 * random pieces it must be the same content and the same verdict, which it
 * never changes; and what it lets pass must be what a plain reading finds in
 * it.
 *
 * Input: byte 0 is the seed of the piece sizes, the rest is the body.
 */
#include "proto/http_chunks.h"

#include <stdlib.h>
#include <string.h>

/* What came of one reading. */
struct account {
  char *content;
  size_t length, used;
  bool is_whole, is_malformed;
};

static void put(struct account *account, struct slice content) {
  memcpy(account->content + account->length, content.at, content.length);
  account->length += content.length;
}

/* Takes a piece, of which it makes a copy of just its size, so that reading on
 * is seen; false when nothing more may come. */
static bool take(struct http_chunks *chunks, const char *bytes, size_t length,
                 struct account *account) {
  char byte, *copy = length == 1 ? &byte : malloc(length);
  if (!copy) abort();
  memcpy(copy, bytes, length);
  size_t at = 0;
  bool goes_on = true;
  while (at < length && goes_on) {
    struct slice content = {copy, 0};
    uint64_t left = chunks->left;
    bool had_size = http_chunks_have_size(chunks);
    size_t used = http_chunks_take(chunks, copy + at, length - at, &content);
    if (used > length - at || content.length > used) abort();
    if (had_size && content.length > left && left > 0) abort();
    put(account, content);
    at += used;
    account->is_whole = http_chunks_are_whole(chunks);
    account->is_malformed = http_chunks_are_malformed(chunks);
    if (account->is_whole && account->is_malformed) abort();
    goes_on = !account->is_whole && !account->is_malformed;
    if (goes_on && used == 0) abort();
  }
  account->used += at;
  if (copy != &byte) free(copy);
  return goes_on;
}

/* `seed` 0 takes all, 1 a byte, else random pieces. */
static size_t choose(uint32_t *seed, size_t left) {
  if (*seed == 0) return left;
  if (*seed == 1) return 1;
  *seed = (*seed * 1664525 + 1013904223) | 2;
  size_t size = 1 + (*seed >> 16) % 40;
  return size < left ? size : left;
}

static struct account read_all(uint32_t seed, const char *bytes,
                               size_t length) {
  struct http_chunks chunks = {0};
  struct account account = {.content = malloc(length + 1)};
  if (!account.content) abort();
  for (size_t at = 0; at < length;) {
    size_t size = choose(&seed, length - at);
    if (!take(&chunks, bytes + at, size, &account)) break;
    at += size;
  }
  return account;
}

static void compare(const struct account *a, struct account *b) {
  if (a->is_whole != b->is_whole || a->is_malformed != b->is_malformed) abort();
  if (a->length != b->length) abort();
  if (memcmp(a->content, b->content, a->length) != 0) abort();
  if (a->is_whole && a->used != b->used) abort();
  free(b->content);
}

/* A whole body read as RFC 9112 7.1 has it, by the book and with no care for
 * anything malformed. */
static void check_plainly(const struct account *account, const char *bytes) {
  const char *at = bytes;
  size_t length = 0;
  for (;;) {
    size_t size = strtoull(at, NULL, 16);
    at = (const char *)memchr(at, '\n', account->used - (size_t)(at - bytes));
    if (!at || at[-1] != '\r') abort();
    at++;
    if (size == 0) break;
    if (length + size > account->length) abort();
    if (memcmp(at, account->content + length, size) != 0) abort();
    length += size;
    at += size;
    if (memcmp(at, "\r\n", 2) != 0) abort();
    at += 2;
  }
  if (length != account->length) abort();
  if (memcmp(bytes + account->used - 2, "\r\n", 2) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  const char *bytes = (const char *)data + 1;
  struct account whole = read_all(0, bytes, size - 1);
  struct account bytewise = read_all(1, bytes, size - 1);
  struct account pieces = read_all(data[0] + 2u, bytes, size - 1);
  compare(&whole, &bytewise);
  compare(&whole, &pieces);
  if (whole.is_whole) check_plainly(&whole, bytes);
  free(whole.content);
  return 0;
}
