/*
 * inflater - zlib's inflate as RFC 7692 wants it.
 *
 * The sender's last block ends with the empty stored block of a flush, of which
 * it cuts 00 00 FF FF off; here they are fed behind the message. A block may
 * also be marked as the last (BFINAL, 7.2.3.4): the stream then begins anew
 * behind it, and the window stays.
 */
#include "inflater.h"

#include "zlib_memory.h"

#include <limits.h>

struct inflater {
  z_stream stream;
  const uint8_t *rest; /* of the message; zlib counts in 32 bits */
  size_t rest_length;
  uint8_t window_bits;
  bool keeps_context;
  bool is_ready; /* the stream is set up */
  bool is_used;  /* since it was last reset */
  bool is_empty; /* the message has no bytes */
  bool is_begun; /* a step has been made */
  bool is_in_tail;
};

enum { AT_BLOCK = 128, UNUSED_BITS = 63 }; /* in stream.data_type */
enum { TAIL = 4 };                         /* bytes */

struct inflater *inflater_new(int window_bits, bool keeps_context) {
  struct inflater *inflater = mem_alloc(sizeof *inflater);
  if (!inflater) return NULL;
  *inflater = (struct inflater){
      .stream = ZLIB_STREAM,
      .window_bits = (uint8_t)(window_bits < 9 ? 9 : window_bits),
      .keeps_context = keeps_context,
  };
  return inflater;
}

void inflater_free(struct inflater *inflater) {
  if (!inflater) return;
  if (inflater->is_ready) inflateEnd(&inflater->stream);
  mem_free(inflater);
}

void inflater_begin(struct inflater *inflater, const uint8_t *bytes,
                    size_t length) {
  inflater->rest = bytes;
  inflater->rest_length = length;
  inflater->stream.avail_in = 0;
  inflater->is_empty = length == 0;
  inflater->is_begun = inflater->is_in_tail = false;
}

static bool prepare(struct inflater *inflater) {
  if (!inflater->is_ready) {
    int bits = -inflater->window_bits; /* negative: raw, without a header */
    if (inflateInit2(&inflater->stream, bits) != Z_OK) return false;
    inflater->is_ready = true;
  } else if (inflater->is_used && !inflater->keeps_context) {
    inflateReset(&inflater->stream);
  }
  inflater->is_used = true;
  return true;
}

/* Gives zlib what comes next. */
static void feed(struct inflater *inflater) {
  static const uint8_t tail[TAIL] = {0x00, 0x00, 0xFF, 0xFF};
  z_stream *stream = &inflater->stream;
  if (stream->avail_in > 0) return;
  if (inflater->rest_length > 0) {
    size_t most = inflater->rest_length;
    if (most > INT_MAX) most = INT_MAX;
    stream->next_in = (Bytef *)inflater->rest;
    stream->avail_in = (uInt)most;
    inflater->rest += most;
    inflater->rest_length -= most;
  } else if (!inflater->is_in_tail) {
    inflater->is_in_tail = true;
    stream->next_in = (Bytef *)tail;
    stream->avail_in = TAIL;
  }
}

static bool is_fed_up(const struct inflater *inflater) {
  return inflater->is_in_tail && inflater->stream.avail_in == 0;
}

/* Behind a last block. Some senders end there and leave out the empty block
 * whose first byte would still be in the message; nothing is lost by that. The
 * tail may have been given already: where the room ends just before the block
 * does, zlib has taken the whole message and not said yet that it was over. */
static bool is_over(const struct inflater *inflater) {
  uInt untouched = inflater->is_in_tail ? TAIL : 0;
  return inflater->stream.avail_in == untouched && inflater->rest_length == 0;
}

static enum inflater_result judge_end(const struct inflater *inflater) {
  int type = inflater->stream.data_type;
  bool is_whole = (type & AT_BLOCK) && !(type & UNUSED_BITS);
  return is_whole ? INFLATER_DONE : INFLATER_CORRUPT;
}

/* While there is room left, zlib holds nothing back: with no more input, that
 * was all. */
static enum inflater_result run(struct inflater *inflater) {
  z_stream *stream = &inflater->stream;
  while (stream->avail_out > 0) {
    feed(inflater);
    int status = inflate(stream, Z_SYNC_FLUSH);
    if (status == Z_STREAM_END) {
      inflateResetKeep(stream);
      if (is_over(inflater)) return INFLATER_DONE;
    } else if (status == Z_MEM_ERROR) {
      return INFLATER_NO_MEMORY;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return INFLATER_CORRUPT;
    }
    if (is_fed_up(inflater) && stream->avail_out > 0) {
      return judge_end(inflater);
    }
  }
  return INFLATER_MORE;
}

enum inflater_result inflater_step(struct inflater *inflater, uint8_t *to,
                                   size_t room, size_t *count) {
  *count = 0;
  if (inflater->is_empty) return INFLATER_DONE;
  if (!inflater->is_begun && !prepare(inflater)) return INFLATER_NO_MEMORY;
  inflater->is_begun = true;
  if (room > INT_MAX) room = INT_MAX;
  inflater->stream.next_out = to;
  inflater->stream.avail_out = (uInt)room;
  enum inflater_result result = run(inflater);
  *count = room - inflater->stream.avail_out;
  return result;
}
