#include "deflater.h"

#include "base/buffer.h"
#include "zlib_memory.h"

#include <limits.h>

struct deflater {
  z_stream stream;
  uint8_t level, window_bits, memory_level;
  bool keeps_context;
  bool is_ready; /* the stream is set up */
  bool is_used;  /* since it was last reset */
};

enum { ROOM = 64 * 1024, TAIL = 4 };

/* Where messages are compressed to, on their way into a payload of the right
 * size. Of the process: there is one loop in it. */
static uint8_t room[ROOM];

struct deflater *deflater_new(int level, int window_bits, int memory_level,
                              bool keeps_context) {
  struct deflater *deflater = mem_alloc(sizeof *deflater);
  if (!deflater) return NULL;
  *deflater = (struct deflater){
      .stream = ZLIB_STREAM,
      .level = (uint8_t)level,
      .window_bits = (uint8_t)window_bits,
      .memory_level = (uint8_t)memory_level,
      .keeps_context = keeps_context,
  };
  return deflater;
}

void deflater_free(struct deflater *deflater) {
  if (!deflater) return;
  deflater_rest(deflater);
  mem_free(deflater);
}

void deflater_rest(struct deflater *deflater) {
  if (deflater->is_ready) deflateEnd(&deflater->stream);
  deflater->is_ready = deflater->is_used = false;
}

bool deflater_is_at_work(const struct deflater *deflater) {
  return deflater->is_ready;
}

int deflater_key(const struct deflater *deflater) {
  if (deflater->keeps_context) return 0;
  return deflater->level << 8 | deflater->window_bits << 4 |
         deflater->memory_level;
}

static bool prepare(struct deflater *deflater) {
  z_stream *stream = &deflater->stream;
  if (!deflater->is_ready) {
    if (deflateInit2(stream, deflater->level, Z_DEFLATED,
                     -deflater->window_bits, deflater->memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      return false;
    }
    deflater->is_ready = true;
  } else if (deflater->is_used && !deflater->keeps_context) {
    deflateReset(stream);
  }
  deflater->is_used = true;
  return true;
}

/* One roomful; false when that was all. A flush that ends just where the room
 * does looks unfinished; asked again, zlib adds an empty block, which says
 * nothing. */
static bool step(z_stream *stream) {
  stream->next_out = room;
  stream->avail_out = ROOM;
  deflate(stream, Z_SYNC_FLUSH);
  return stream->avail_out == 0;
}

/* What does not fit the room is gathered. False when there is no memory. */
static bool run(z_stream *stream, struct buffer *gathered, size_t *in_room) {
  bool goes_on;
  do {
    goes_on = step(stream);
    *in_room = ROOM - stream->avail_out;
    if (!goes_on && gathered->length == 0) return true;
    if (!buffer_append(gathered, room, *in_room)) return false;
  } while (goes_on);
  return true;
}

bool deflater_run(struct deflater *deflater, const uint8_t *bytes,
                  size_t length, struct deflated *out) {
  static const uint8_t nothing[] = {0x00}; /* RFC 7692 7.2.3.6 */
  struct buffer gathered = {0};
  size_t in_room;
  *out = (struct deflated){nothing, sizeof nothing, NULL};
  if (length == 0) return true;
  if (length > INT_MAX || !prepare(deflater)) return false;
  deflater->stream.next_in = (Bytef *)bytes;
  deflater->stream.avail_in = (uInt)length;
  if (!run(&deflater->stream, &gathered, &in_room)) {
    buffer_free(&gathered);
    deflateReset(&deflater->stream); /* nobody gets what it has made */
    return false;
  }
  if (gathered.length > 0) {
    *out = (struct deflated){gathered.bytes, gathered.length - TAIL,
                             gathered.bytes};
  } else {
    *out = (struct deflated){room, in_room - TAIL, NULL};
  }
  return true;
}
