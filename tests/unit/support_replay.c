#include "support_replay.h"

#include "base/mem.h"
#include "check.h"
#include "support_event_text.h"

#include <stdlib.h>
#include <string.h>

void replay_start(struct replay *replay, const struct vector *vector) {
  unsigned flags = vector->flags;

  *replay = (struct replay){.vector = vector, .held = mem_in_use()};
  reader_init(&replay->reader,
              flags & VECTOR_OF_SERVER ? READER_CLIENT : READER_SERVER,
              vector->max ? vector->max : 1 << 20);
  if (!(flags & VECTOR_IS_DEFLATED)) return;
  replay->inflater = inflater_new(15, flags & VECTOR_KEEPS_CONTEXT);
  reader_inflate_with(&replay->reader, replay->inflater);
}

static void check_reason(const char *reason) {
  if (!CHECK(reason != NULL)) return;
  CHECK(strlen(reason) > 10 && strlen(reason) <= 123);
  for (const char *at = reason; *at; at++) CHECK(*at >= ' ' && *at < 0x7F);
}

static void check_is_idle(const struct replay *replay) {
  CHECK(replay->reader.gathered == NULL);
  CHECK(replay->reader.control == NULL);
  if (!replay->inflater) CHECK_EQ(mem_in_use(), replay->held);
}

static void check_sticks(struct replay *replay, enum reader_result result) {
  struct reader_event event;
  const uint8_t *unused;

  CHECK_EQ(reader_next(&replay->reader, &event), result);
  CHECK_EQ(reader_unused(&replay->reader, &unused), 0);
  CHECK(!reader_is_mid_message(&replay->reader));
  check_is_idle(replay);
}

void replay_feed(struct replay *replay, uint8_t *bytes, size_t length) {
  struct reader_event event;
  enum reader_result result;
  bool is_over = replay->decided > 0 || replay->ran_out;

  reader_feed(&replay->reader, bytes, length);
  replay->fed += length;
  while ((result = reader_next(&replay->reader, &event)) != READER_NEED_MORE) {
    if (!is_over) {
      event_text_add_event(replay->events, sizeof replay->events, result,
                           &event);
    }
    if (result != READER_VIOLATION && result != READER_NO_MEMORY) {
      CHECK(!is_over);
      continue;
    }
    if (result == READER_VIOLATION) check_reason(event.reason);
    if (result == READER_NO_MEMORY) replay->ran_out = true;
    if (!is_over) replay->decided = replay->fed;
    check_sticks(replay, result);
    return;
  }
}

void replay_end(struct replay *replay) {
  if (!reader_is_mid_message(&replay->reader)) check_is_idle(replay);
  reader_free(&replay->reader);
  inflater_free(replay->inflater);
  CHECK_EQ(mem_in_use(), replay->held);
}

static void finish(struct replay *replay) {
  CHECK_TEXT(replay->events, replay->vector->events);
  replay_end(replay);
}

static void feed_bytewise(struct replay *replay, const uint8_t *bytes,
                          size_t length) {
  for (size_t i = 0; i < length; i++) {
    replay_feed(replay, guarded(bytes + i, 1), 1);
  }
}

/* ---- however it is cut */

static void chop_start(void *context) {
  struct replay *replay = context;
  replay_start(replay, replay->vector);
}

static void chop_feed(void *context, uint8_t *piece, size_t length) {
  replay_feed(context, piece, length);
}

static void chop_finish(void *context) {
  finish(context);
}

void replay_cut_anywhere(const struct vector *vectors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct replay replay = {.vector = &vectors[i]};
    struct chop_user user = {chop_start, chop_feed, chop_finish, &replay};
    size_t length;
    uint8_t *bytes = bytes_of(vectors[i].bytes, &length);
    check_context("%s", vectors[i].name);
    chop(bytes, length, &user);
    free(bytes);
  }
}

void replay_to_the_byte(const struct vector *vectors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct replay replay;
    size_t length;
    uint8_t *bytes = bytes_of(vectors[i].bytes, &length);
    check_context("%s", vectors[i].name);
    replay_start(&replay, &vectors[i]);
    feed_bytewise(&replay, bytes, length);
    CHECK_EQ(replay.decided, vectors[i].decisive);
    finish(&replay);
    free(bytes);
  }
}

/* ---- with each allocation failing */

/* One replay with the n-th failing; was there an n-th? */
static bool was_starved(const struct vector *vector, const uint8_t *bytes,
                        size_t length, uint64_t nth, bool is_sticky) {
  struct replay replay;

  replay_start(&replay, vector);
  mem_fail_at(nth, is_sticky);
  feed_bytewise(&replay, bytes, length);
  bool had_nth = mem_requests() >= nth;
  mem_fail_at(0, false);
  CHECK_EQ(replay.ran_out, had_nth);
  if (had_nth) CHECK(strstr(replay.events, "no memory") != NULL);
  if (had_nth)
    replay_end(&replay);
  else
    finish(&replay);
  return had_nth;
}

void replay_starved(const struct vector *vectors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    size_t length;
    uint8_t *bytes = bytes_of(vectors[i].bytes, &length);
    check_context("%s", vectors[i].name);
    for (int is_sticky = 0; is_sticky < 2; is_sticky++) {
      uint64_t nth = 1;
      while (was_starved(&vectors[i], bytes, length, nth, is_sticky)) nth++;
    }
    free(bytes);
  }
}
