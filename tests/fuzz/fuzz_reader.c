/*
 * fuzz_reader - any bytes, however cut, make the same events.
 *
 * Input: byte 0 chooses the role (bit 0), the largest message (bits 1-3), and
 * whether compression was agreed on (bit 4), with a context (bit 5); byte 1 the
 * seed of the piece sizes, the rest is what the peer sends. It is read three
 * times: whole, byte by byte, and in pieces of random sizes that go to where
 * the reader wants them. The libFuzzer process ends when the accounts of the
 * three differ or memory is left.
 */
#include "base/mem.h"
#include "proto/reader.h"

#include <stdlib.h>
#include <string.h>

/* The events of one reading, flattened. */
struct account {
  uint8_t *bytes;
  size_t length, capacity;
};

static void put(struct account *account, const void *bytes, size_t length) {
  if (account->length + length > account->capacity) {
    account->capacity = 2 * (account->length + length);
    account->bytes = realloc(account->bytes, account->capacity);
    if (!account->bytes) abort();
  }
  if (length > 0) memcpy(account->bytes + account->length, bytes, length);
  account->length += length;
}

static void put_event(struct account *account, enum reader_result result,
                      const struct reader_event *event) {
  put(account, &result, sizeof result);
  put(account, &event->code, sizeof event->code);
  put(account, &event->length, sizeof event->length);
  put(account, event->data, event->length);
  if ((result == READER_VIOLATION) != (event->reason != NULL)) abort();
  if (event->reason) put(account, event->reason, strlen(event->reason));
}

/* Feeds one piece; false once nothing more can come. */
static bool feed(struct reader *reader, uint8_t *piece, size_t length,
                 struct account *account) {
  struct reader_event event;
  const uint8_t *unused;
  enum reader_result result;

  reader_feed(reader, piece, length);
  while ((result = reader_next(reader, &event)) != READER_NEED_MORE) {
    put_event(account, result, &event);
    if (result == READER_NO_MEMORY) abort();
    if (result == READER_VIOLATION) return false;
  }
  if (reader_unused(reader, &unused) != 0) abort();
  return true;
}

/* The size of the next piece: `seed` 0 takes all, 1 a byte, else random. */
static size_t choose(uint32_t *seed, size_t left) {
  if (*seed == 0) return left;
  if (*seed == 1) return 1;
  *seed = (*seed * 1664525 + 1013904223) | 2;
  size_t size = 1 + (*seed >> 16) % ((*seed & 0x100) ? 9 : 9000);
  return size < left ? size : left;
}

static struct account read_all(uint8_t choice, uint32_t seed,
                               const uint8_t *bytes, size_t length) {
  static const uint64_t sizes[8] = {1 << 20, 0,     1,        125,
                                    1000,    70000, 10 << 20, UINT64_MAX};
  struct account account = {NULL, 0, 0};
  struct reader reader;
  int64_t held = mem_in_use();
  bool goes_on = true;
  struct inflater *inflater = NULL;

  reader_init(&reader, choice & 1 ? READER_CLIENT : READER_SERVER,
              sizes[choice >> 1 & 7]);
  if (choice & 0x10) {
    inflater = inflater_new(15, choice & 0x20);
    reader_inflate_with(&reader, inflater);
  }
  while (length > 0 && goes_on) {
    uint8_t *space, *own = NULL;
    size_t size = choose(&seed, length);
    size_t room = seed > 1 ? reader_space(&reader, &space) : 0;
    if (room > 0 && size > room) size = room;
    if (room == 0) space = own = malloc(size);
    if (!space) abort();
    memcpy(space, bytes, size);
    goes_on = feed(&reader, space, size, &account);
    free(own);
    bytes += size;
    length -= size;
  }
  bool is_mid = reader_is_mid_message(&reader);
  put(&account, &is_mid, sizeof is_mid);
  if (!is_mid && !inflater && mem_in_use() != held) abort();
  reader_free(&reader);
  inflater_free(inflater);
  if (mem_in_use() != held) abort();
  return account;
}

static void compare(struct account *a, struct account *b) {
  if (a->length != b->length) abort();
  if (memcmp(a->bytes, b->bytes, a->length) != 0) abort();
  free(b->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;

  mem_fail_at(0, false); /* switches the counting on */
  struct account whole = read_all(data[0], 0, data + 2, size - 2);
  struct account bytewise = read_all(data[0], 1, data + 2, size - 2);
  struct account pieces = read_all(data[0], data[1] + 2u, data + 2, size - 2);
  compare(&whole, &bytewise);
  compare(&whole, &pieces);
  free(whole.bytes);
  return 0;
}
