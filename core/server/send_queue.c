#include "send_queue.h"

#include "base/pool.h"

enum {
  BLOCK_FRAMES = 14, /* a block is 128 bytes */
  SMALL_FRAME = 4096 /* copying one is cheaper than a piece of its own */
};

struct send_block {
  struct send_block *next;
  uint16_t from, to;
  struct payload *frames[BLOCK_FRAMES];
};

static struct send_block *add_block(struct send_queue *queue) {
  struct send_block *block = pool_take(sizeof *block);
  if (!block) return NULL;
  block->next = NULL;
  block->from = block->to = 0;
  if (queue->last)
    queue->last->next = block;
  else
    queue->first = block;
  queue->last = block;
  return block;
}

bool send_queue_add(struct send_queue *queue, struct payload *payload) {
  if (payload_length(payload) == 0) return true;
  struct send_block *block = queue->last;
  if (!block || block->to == BLOCK_FRAMES) block = add_block(queue);
  if (!block) return false;
  block->frames[block->to++] = payload_hold(payload);
  queue->length += payload_length(payload);
  queue->count++;
  return true;
}

/* What is being put together for one write. */
struct gathering {
  struct slice *pieces;
  size_t count;
  uint8_t *at, *end; /* the room that is left for small frames, or NULL */
};

/* False when nothing more fits. */
static bool add_piece(struct gathering *to, const uint8_t *bytes,
                      size_t length) {
  if (length == 0) return true;
  if (to->count == SEND_PIECES_MAX) return false;
  to->pieces[to->count++] = (struct slice){(const char *)bytes, length};
  return true;
}

/* Copies a small frame behind the one before it. */
static bool gather(struct gathering *to, const uint8_t *bytes, size_t length) {
  struct slice *last = to->count ? &to->pieces[to->count - 1] : NULL;
  if ((size_t)(to->end - to->at) < length) return false;
  bool goes_on = last && last->at + last->length == (char *)to->at;
  if (!goes_on && !add_piece(to, to->at, length)) return false;
  if (goes_on) last->length += length;
  memcpy(to->at, bytes, length);
  to->at += length;
  return true;
}

static bool add_frame(struct gathering *to, const struct payload *frame,
                      size_t offset) {
  size_t head = frame->head_length;
  if (offset >= head && frame->body_length > 0) {
    offset -= head;
    return add_piece(to, frame->body + offset, frame->body_length - offset);
  }
  size_t length = head - offset;
  bool is_small = to->at && length <= SMALL_FRAME && length > 0;
  bool fits = is_small ? gather(to, frame->head + offset, length)
                       : add_piece(to, frame->head + offset, length);
  return fits && (frame->body_length == 0 ||
                  add_piece(to, frame->body, frame->body_length));
}

size_t send_queue_pieces(const struct send_queue *queue, uint8_t *gathered,
                         struct slice pieces[SEND_PIECES_MAX]) {
  struct gathering to = {.pieces = pieces};
  if (gathered && queue->count > 1) {
    to.at = gathered;
    to.end = gathered + SEND_GATHER_MAX;
  }
  size_t offset = queue->offset;
  for (struct send_block *block = queue->first; block; block = block->next) {
    for (unsigned i = block->from; i < block->to; i++) {
      if (!add_frame(&to, block->frames[i], offset)) return to.count;
      offset = 0;
    }
  }
  return to.count;
}

static void drop_first(struct send_queue *queue) {
  struct send_block *block = queue->first;
  payload_drop(block->frames[block->from++]);
  queue->count--;
  queue->offset = 0;
  if (block->from < block->to) return;
  queue->first = block->next;
  if (!queue->first) queue->last = NULL;
  pool_give(block, sizeof *block);
}

void send_queue_consume(struct send_queue *queue, size_t length) {
  queue->length -= length;
  length += queue->offset;
  while (queue->first) {
    struct send_block *block = queue->first;
    size_t first = payload_length(block->frames[block->from]);
    if (length < first) break;
    length -= first;
    drop_first(queue);
  }
  queue->offset = length;
}

void send_queue_clear(struct send_queue *queue) {
  while (queue->first) drop_first(queue);
  queue->length = 0;
}
