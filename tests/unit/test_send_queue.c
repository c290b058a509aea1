/*
 * test_send_queue - whatever is offered and however little of it is taken, the
 * bytes that come out are the frames, in order.
 */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "server/send_queue.h"

#include <stdlib.h>
#include <string.h>

static uint8_t gather[SEND_GATHER_MAX];
static uint32_t seed;
static int released;

static uint32_t random_below(uint32_t bound) {
  seed = seed * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)seed * bound >> 32);
}

/* The bytes that must come out: a run of a byte pattern that has no period of
 * a power of two. */
static uint8_t pattern[4 << 20];

static void make_pattern(void) {
  for (size_t i = 0; i < sizeof pattern; i++) {
    pattern[i] = (uint8_t)((i * 7 + i / 251) % 253);
  }
}

static void release(void *owner, int tag) {
  (void)tag;
  released++;
  *(int *)owner -= 1;
}

/* The queue, and where in the pattern its front and its end are. */
struct model {
  struct send_queue queue;
  size_t at, end;
  int lent; /* bodies that are not given back yet */
};

static void add(struct model *model, size_t head, size_t body) {
  struct payload *payload;

  if (body > 0) {
    payload = payload_borrow(head, pattern + model->end + head, body, release,
                             &model->lent, 0);
    model->lent++;
  } else {
    payload = payload_new(head);
  }
  memcpy(payload->head, pattern + model->end, head);
  CHECK(send_queue_add(&model->queue, payload));
  payload_drop(payload);
  model->end += head + body;
}

/* Compares what is offered with the pattern; yields how much it was. */
static size_t check_pieces(struct model *model, bool gathers) {
  struct slice pieces[SEND_PIECES_MAX];
  size_t count =
      send_queue_pieces(&model->queue, gathers ? gather : NULL, pieces);
  size_t at = model->at;

  CHECK(count <= SEND_PIECES_MAX);
  CHECK_EQ(count > 0, model->queue.length > 0);
  for (size_t i = 0; i < count; i++) {
    CHECK(pieces[i].length > 0);
    if (!CHECK(at + pieces[i].length <= model->end)) return 0;
    CHECK_BYTES(pieces[i].at, pieces[i].length, pattern + at, pieces[i].length);
    at += pieces[i].length;
  }
  CHECK_EQ(model->queue.length, model->end - model->at);
  return at - model->at;
}

static void consume(struct model *model, size_t length) {
  send_queue_consume(&model->queue, length);
  model->at += length;
  CHECK_EQ(model->queue.length, model->end - model->at);
}

static void check_empty(struct model *model) {
  CHECK_EQ(model->queue.length, 0);
  CHECK_EQ(model->queue.count, 0);
  CHECK_EQ(model->queue.offset, 0);
  CHECK(model->queue.first == NULL && model->queue.last == NULL);
  CHECK_EQ(model->lent, 0);
}

TEST(send_queue_that_is_empty_has_no_memory) {
  pool_drain();
  int64_t before = mem_in_use();
  struct model model = {.at = 0};
  make_pattern();

  CHECK_EQ(check_pieces(&model, true), 0);
  send_queue_clear(&model.queue);
  add(&model, 10, 0);
  consume(&model, 10);
  check_empty(&model);
  pool_drain();
  CHECK_EQ(mem_in_use(), before);
}

static void add_mixture(struct model *model) {
  add(model, 7, 0);
  add(model, 2, 5);
  add(model, 4, 200);
  add(model, 0, 3);
  add(model, 1, 0);
}

/* Cut at each byte, with each of the two ways to ask. */
TEST(send_queue_goes_on_at_each_byte) {
  struct model whole = {.at = 0};
  make_pattern();
  add_mixture(&whole);
  size_t length = whole.queue.length;
  send_queue_clear(&whole.queue);

  for (size_t cut = 0; cut <= length; cut++) {
    for (int gathers = 0; gathers < 2; gathers++) {
      struct model model = {.at = 0};
      check_context("cut at %zu, gather %d", cut, gathers);
      add_mixture(&model);
      CHECK_EQ(check_pieces(&model, gathers), length);
      consume(&model, cut);
      CHECK_EQ(check_pieces(&model, gathers), length - cut);
      consume(&model, length - cut);
      check_empty(&model);
    }
  }
}

TEST(send_queue_is_consumed_bytewise) {
  struct model model = {.at = 0};
  make_pattern();

  add_mixture(&model);
  while (model.queue.length > 0) {
    check_pieces(&model, model.at % 2);
    consume(&model, 1);
  }
  check_empty(&model);
}

TEST(send_queue_drops_empty_frames) {
  struct model model = {.at = 0};
  make_pattern();

  add(&model, 0, 0);
  add(&model, 5, 0);
  add(&model, 0, 0);
  add(&model, 0, 0);
  CHECK_EQ(check_pieces(&model, true), 5);
  CHECK_EQ(check_pieces(&model, false), 5);
  consume(&model, 4);
  consume(&model, 1);
  check_empty(&model);
}

/* One frame is never copied; many small ones make one piece. */
TEST(send_queue_copies_only_what_is_worth_it) {
  struct slice pieces[SEND_PIECES_MAX];
  struct model model = {.at = 0};
  make_pattern();

  add(&model, 100, 0);
  CHECK_EQ(send_queue_pieces(&model.queue, gather, pieces), 1);
  CHECK(pieces[0].at != (char *)gather);
  for (int i = 0; i < 500; i++) add(&model, 100, 0);
  CHECK_EQ(send_queue_pieces(&model.queue, gather, pieces), 1);
  CHECK(pieces[0].at == (char *)gather);
  CHECK_EQ(pieces[0].length, 50100);
  CHECK_EQ(send_queue_pieces(&model.queue, NULL, pieces), SEND_PIECES_MAX);
  consume(&model, model.queue.length);

  add(&model, 10, 100000);
  add(&model, 10, 0);
  add(&model, 10, 0);
  CHECK_EQ(send_queue_pieces(&model.queue, gather, pieces), 3);
  CHECK(pieces[1].at == (char *)pattern + model.at + 10);
  CHECK_EQ(pieces[2].length, 20);
  send_queue_clear(&model.queue);
  check_empty(&model);
}

TEST(send_queue_gathers_no_more_than_fits) {
  struct model model = {.at = 0};
  make_pattern();

  for (int i = 0; i < 100; i++) add(&model, 1000, 0);
  size_t offered = check_pieces(&model, true);
  CHECK(offered <= SEND_GATHER_MAX && offered > SEND_GATHER_MAX - 1000);
  consume(&model, offered);
  CHECK_EQ(check_pieces(&model, true), 100000 - offered);
  send_queue_clear(&model.queue);
}

TEST(send_queue_shares_a_frame_with_others) {
  struct send_queue queues[3] = {{0}};
  struct payload *payload = payload_new(4);
  memcpy(payload->head, "same", 4);

  for (int i = 0; i < 3; i++) CHECK(send_queue_add(&queues[i], payload));
  CHECK_EQ(payload->references, 4);
  send_queue_consume(&queues[0], 3);
  CHECK_EQ(payload->references, 4);
  send_queue_consume(&queues[0], 1);
  CHECK_EQ(payload->references, 3);
  send_queue_clear(&queues[1]);
  CHECK_EQ(payload->references, 2);
  payload_drop(payload);
  send_queue_clear(&queues[2]);
}

TEST(send_queue_clears_half_sent_frames) {
  pool_drain();
  int64_t before = mem_in_use();
  struct model model = {.at = 0};
  make_pattern();

  for (int i = 0; i < 40; i++) add_mixture(&model);
  consume(&model, 3);
  send_queue_clear(&model.queue);
  check_empty(&model);
  model.end = model.at = 0;
  add(&model, 9, 0);
  CHECK_EQ(check_pieces(&model, true), 9);
  send_queue_clear(&model.queue);
  pool_drain();
  CHECK_EQ(mem_in_use(), before);
}

TEST(send_queue_says_when_there_is_no_memory) {
  struct send_queue queue = {0};
  struct payload *payload = payload_new(4);
  int added = 0;

  pool_drain();
  mem_fail_at(2, true);
  while (added < 100 && send_queue_add(&queue, payload)) added++;
  mem_fail_at(0, false);
  CHECK(added > 0 && added < 100);
  CHECK_EQ(payload->references, added + 1);
  CHECK_EQ(queue.count, added);
  CHECK(send_queue_add(&queue, payload));
  CHECK_EQ(queue.length, 4 * (added + 1));
  send_queue_clear(&queue);
  CHECK_EQ(payload->references, 1);
  payload_drop(payload);
}

/* ---- random frames, random writes */

static size_t random_size(void) {
  static const uint32_t bounds[] = {1, 3, 130, 5000, 70000};

  return random_below(bounds[random_below(5)]);
}

static void add_random(struct model *model) {
  size_t head = random_below(3) ? random_below(14) : random_size();
  size_t body = random_below(2) ? random_size() : 0;

  if (model->end + head + body > sizeof pattern) return;
  add(model, head, body);
}

static void consume_random(struct model *model) {
  size_t offered = check_pieces(model, random_below(2));

  if (offered == 0) return;
  if (random_below(3) > 0) offered = random_below((uint32_t)offered + 1);
  consume(model, offered);
}

TEST(send_queue_agrees_with_a_model) {
  pool_drain();
  int64_t before = mem_in_use();
  make_pattern();

  for (uint32_t start = 1; start <= 40; start++) {
    struct model model = {.at = 0};
    seed = start;
    check_context("seed %u", start);
    for (int step = 0; step < 400; step++) {
      for (uint32_t i = random_below(20); i > 0; i--) add_random(&model);
      for (uint32_t i = random_below(12); i > 0; i--) consume_random(&model);
    }
    while (model.queue.length > 0) consume_random(&model);
    send_queue_clear(&model.queue);
    check_empty(&model);
    pool_drain();
    CHECK_EQ(mem_in_use(), before);
  }
}
