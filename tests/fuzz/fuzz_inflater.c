/*
 * fuzz_inflater - our bounded, stepwise inflate against zlib's own: the same
 * bytes come out, or both refuse; and what was compressed comes back.
 *
 * Input: byte 0 is the seed of the step sizes, byte 1 chooses the window (bits
 * 0-2), whether the context is kept (bit 3) and how many messages the rest is
 * cut into. Each message is inflated by us, in steps, and by zlib in one go
 * with the tail behind it; then it is taken as a text, compressed and inflated.
 * The libFuzzer process ends when the two differ or memory is left.
 */
#include "base/mem.h"
#include "proto/deflater.h"
#include "proto/inflater.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LIMIT = 1 << 20 };

/* Ours; `stopped` when the limit was reached. */
struct outcome {
  uint8_t *bytes;
  size_t length;
  bool is_good, stopped;
};

static struct outcome by_steps(struct inflater *inflater, const uint8_t *bytes,
                               size_t length, uint32_t seed) {
  struct outcome outcome = {.bytes = malloc(LIMIT)};
  enum inflater_result result = INFLATER_MORE;

  inflater_begin(inflater, bytes, length);
  while (result == INFLATER_MORE && outcome.length < LIMIT) {
    seed = seed * 1664525 + 1013904223;
    size_t room = 1 + (seed >> 16) % ((seed & 0x100) ? 7 : 9000), count;
    if (room > LIMIT - outcome.length) room = LIMIT - outcome.length;
    result =
        inflater_step(inflater, outcome.bytes + outcome.length, room, &count);
    if (count > room) abort();
    if (result == INFLATER_MORE && count != room) abort();
    outcome.length += count;
  }
  if (result == INFLATER_NO_MEMORY) abort();
  outcome.is_good = result == INFLATER_DONE;
  outcome.stopped = result == INFLATER_MORE;
  return outcome;
}

/* zlib's, over all the messages of a context, into rooms of `room` bytes. */
struct reference {
  z_stream stream;
  uInt room;
  bool keeps_context;
};

static void give_room(struct reference *reference, uint8_t *bytes) {
  z_stream *stream = &reference->stream;
  size_t left = LIMIT - (size_t)(stream->next_out - bytes);
  stream->avail_out = left < reference->room ? (uInt)left : reference->room;
}

static struct outcome by_zlib(struct reference *reference, const uint8_t *bytes,
                              size_t length) {
  z_stream *stream = &reference->stream;
  struct outcome outcome = {.bytes = malloc(LIMIT)};
  uint8_t *whole = malloc(length + 4);
  bool is_over = length == 0;

  memcpy(whole, bytes, length);
  memcpy(whole + length, "\x00\x00\xFF\xFF", 4);
  if (!reference->keeps_context) inflateReset(stream);
  stream->next_in = whole;
  stream->avail_in = (uInt)length + 4;
  stream->next_out = outcome.bytes;
  give_room(reference, outcome.bytes);
  outcome.is_good = is_over;
  while (!is_over) {
    if (stream->avail_out == 0) give_room(reference, outcome.bytes);
    int status = inflate(stream, Z_SYNC_FLUSH);
    if (status == Z_STREAM_END) {
      inflateResetKeep(stream);
      is_over = outcome.is_good = stream->avail_in == 4;
      if (stream->avail_out > 0 || is_over) continue;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      break;
    }
    if (stream->next_out == outcome.bytes + LIMIT) {
      outcome.stopped = true;
      break;
    }
    if (stream->avail_in > 0 || stream->avail_out == 0) continue;
    outcome.is_good = (stream->data_type & 128) && !(stream->data_type & 63);
    break;
  }
  outcome.length = (size_t)(stream->next_out - outcome.bytes);
  free(whole);
  return outcome;
}

static bool are_same(const struct outcome *ours, const struct outcome *theirs) {
  if (ours->stopped != theirs->stopped) {
    /* At the very limit one may not know yet that nothing follows. */
    if (ours->length != LIMIT || theirs->length != LIMIT) return false;
  } else if (ours->is_good != theirs->is_good) {
    return false;
  }
  if (!ours->is_good && !ours->stopped) return true;
  return ours->length == theirs->length &&
         memcmp(ours->bytes, theirs->bytes, ours->length) == 0;
}

static void piece_of(size_t size, size_t pieces, size_t i, size_t *from,
                     size_t *length) {
  *from = 2 + (size - 2) * i / pieces;
  *length = 2 + (size - 2) * (i + 1) / pieces - *from;
}

/* zlib sees that a message refers to what is older than the window only where
 * it no longer has that in the room itself; so it takes from one go what it
 * refuses in steps. Does it refuse one of the first messages byte by byte? */
static bool leaves_the_window(const uint8_t *data, size_t size, size_t pieces,
                              size_t count) {
  struct reference strict = {.keeps_context = data[1] & 8, .room = 1};
  bool is_good = true;
  if (inflateInit2(&strict.stream, -(9 + (data[1] & 7) % 7)) != Z_OK) abort();
  for (size_t i = 0; i < count && is_good; i++) {
    size_t from, length;
    piece_of(size, pieces, i, &from, &length);
    struct outcome outcome = by_zlib(&strict, data + from, length);
    is_good = outcome.is_good || outcome.stopped;
    free(outcome.bytes);
  }
  inflateEnd(&strict.stream);
  return !is_good;
}

static void there_and_back(struct deflater *deflater, struct inflater *inflater,
                           const uint8_t *bytes, size_t length) {
  struct deflated out;
  size_t count;
  uint8_t *back = malloc(length + 1);

  if (!deflater_run(deflater, bytes, length, &out)) abort();
  inflater_begin(inflater, out.bytes, out.length);
  if (inflater_step(inflater, back, length + 1, &count) != INFLATER_DONE) {
    abort();
  }
  if (count != length || memcmp(back, bytes, length) != 0) abort();
  mem_free(out.owned);
  free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;

  mem_fail_at(0, false); /* switches the counting on */
  int64_t held = mem_in_use();
  int bits = 9 + (data[1] & 7) % 7;
  bool keeps = data[1] & 8;
  size_t pieces = 1 + (data[1] >> 4);
  struct inflater *inflater = inflater_new(bits, keeps);
  struct inflater *other = inflater_new(bits, keeps);
  struct deflater *deflater = deflater_new(1 + data[0] % 9, bits, 1, keeps);
  struct reference reference = {.keeps_context = keeps, .room = LIMIT};
  bool goes_on = true;

  if (inflateInit2(&reference.stream, -bits) != Z_OK) abort();
  for (size_t i = 0; i < pieces && goes_on; i++) {
    size_t from, length;
    piece_of(size, pieces, i, &from, &length);
    struct outcome ours = by_steps(inflater, data + from, length, data[0]);
    struct outcome theirs = by_zlib(&reference, data + from, length);
    if (!are_same(&ours, &theirs)) {
      bool is_refused = !ours.is_good && !ours.stopped;
      if (!is_refused || !leaves_the_window(data, size, pieces, i + 1)) abort();
    }
    there_and_back(deflater, other, data + from, length);
    goes_on = ours.is_good && !ours.stopped; /* the rest would be undefined */
    free(ours.bytes);
    free(theirs.bytes);
  }
  inflateEnd(&reference.stream);
  inflater_free(inflater);
  inflater_free(other);
  deflater_free(deflater);
  if (mem_in_use() != held) abort();
  return 0;
}
