/* test_framed - messages as frames that are ready to be queued. */
#include "base/mem.h"
#include "base/pool.h"
#include "base/utf8.h"
#include "check.h"
#include "proto/framed.h"
#include "proto/inflater.h"

#include <stdlib.h>
#include <string.h>

static void check_payload(struct payload *payload, const void *head,
                          size_t length) {
  if (!CHECK(payload != NULL)) return;
  CHECK_BYTES(payload->head, payload->head_length, head, length);
  CHECK_EQ(payload->references, 1);
  payload_drop(payload);
}

TEST(framed_copies_small_messages) {
  check_payload(framed_copy(OP_TEXT, "Hello", 5), "\x81\x05Hello", 7);
  check_payload(framed_copy(OP_BINARY, NULL, 0), "\x82\x00", 2);
  check_payload(framed_copy(OP_PING, "a\0b", 3),
                "\x89\x03"
                "a\0b",
                5);
}

TEST(framed_copies_messages_of_each_length_form) {
  static const size_t sizes[] = {125, 126, 65535, 65536};
  static const size_t headers[] = {2, 4, 4, 10};
  static char body[65536];

  memset(body, 'x', sizeof body);
  for (size_t i = 0; i < 4; i++) {
    struct payload *payload = framed_copy(OP_TEXT, body, sizes[i]);
    CHECK_EQ(payload_length(payload), headers[i] + sizes[i]);
    CHECK_EQ(payload->body_length, 0);
    CHECK_BYTES(payload->head + headers[i], sizes[i], body, sizes[i]);
    payload_drop(payload);
  }
}

static void count_release(void *owner, int tag) {
  *(int *)owner += tag;
}

TEST(framed_borrows_large_messages) {
  static char body[70000];
  int released = 0;
  struct payload *payload =
      framed_borrow(OP_BINARY, body, sizeof body, count_release, &released, 3);

  CHECK_BYTES(payload->head, payload->head_length,
              "\x82\x7F\0\0\0\0\0\x01\x11\x70", 10);
  CHECK(payload->body == (uint8_t *)body);
  CHECK_EQ(payload->body_length, sizeof body);
  payload_drop(payload);
  CHECK_EQ(released, 3);
}

TEST(framed_says_when_there_is_no_memory) {
  int released = 0;

  pool_drain();
  mem_fail_at(1, true);
  CHECK(framed_copy(OP_TEXT, "a", 1) == NULL);
  CHECK(framed_close(1000, "", 0) == NULL);
  CHECK(!framed_borrow(OP_TEXT, "a", 1, count_release, &released, 1));
  mem_fail_at(0, false);
  CHECK_EQ(released, 0);
}

TEST(framed_close_has_code_and_reason) {
  check_payload(framed_close(1000, "", 0), "\x88\x02\x03\xE8", 4);
  check_payload(framed_close(4999, "bye", 3),
                "\x88\x05\x13\x87"
                "bye",
                7);
}

TEST(framed_close_without_a_code_is_empty) {
  check_payload(framed_close(1005, "", 0), "\x88\x00", 2);
  check_payload(framed_close(1005, "lost", 4), "\x88\x00", 2);
}

/* The reason that a close frame makes of `length` bytes of the text. */
static size_t reason_length(const char *text, size_t length) {
  struct payload *payload = framed_close(1000, text, length);
  size_t shown = payload->head_length - 4;

  CHECK(payload->head_length <= 127);
  CHECK_EQ(payload->head[1], shown + 2);
  CHECK(utf8_valid(payload->head + 4, shown));
  CHECK_BYTES(payload->head + 4, shown, text, shown);
  payload_drop(payload);
  return shown;
}

TEST(framed_close_cuts_a_reason_between_characters) {
  static const char *const letters[] = {"x", "\xC3\xBC", "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80"};
  char text[400];

  for (size_t size = 1; size <= 4; size++) {
    for (size_t lead = 0; lead < 4; lead++) {
      size_t length = lead;
      memset(text, '-', lead);
      for (; length + size <= 300; length += size) {
        memcpy(text + length, letters[size - 1], size);
      }
      check_context("%zu bytes a character, after %zu", size, lead);
      CHECK_EQ(reason_length(text, length), lead + (123 - lead) / size * size);
    }
  }
}

TEST(framed_close_keeps_a_reason_that_fits) {
  char text[124];

  memset(text, 'r', sizeof text);
  CHECK_EQ(reason_length(text, 122), 122);
  CHECK_EQ(reason_length(text, 123), 123);
  CHECK_EQ(reason_length(text, 124), 123);
}

/* What a frame says when its mask is taken off again. */
static void check_masked(struct payload *frame, const void *plain,
                         size_t header, size_t length) {
  struct payload *masked = framed_masked(frame), *other = framed_masked(frame);
  if (!CHECK(masked && other)) return;
  CHECK_EQ(payload_length(masked), header + 4 + length);
  CHECK_EQ(masked->body_length, 0);
  CHECK_EQ(masked->head[0], frame->head[0]);
  CHECK_EQ(masked->head[1], frame->head[1] | 0x80);
  CHECK_BYTES(masked->head + 2, header - 2, frame->head + 2, header - 2);
  CHECK(memcmp(masked->head + header, other->head + header, 4) != 0);
  frame_mask(masked->head + header + 4, length, masked->head + header, 0);
  CHECK_BYTES(masked->head + header + 4, length, plain, length);
  payload_drop(masked);
  payload_drop(other);
  payload_drop(frame);
}

TEST(framed_masks_frames_of_each_form) {
  static const size_t sizes[] = {0, 1, 5, 125, 126, 65535, 65536, 70000};
  static const size_t headers[] = {2, 2, 2, 2, 4, 4, 10, 10};
  static char body[70000];
  int released = 0;

  for (size_t i = 0; i < sizeof body; i++) body[i] = (char)(i * 7);
  for (size_t i = 0; i < 8; i++) {
    check_masked(framed_copy(OP_TEXT, body, sizes[i]), body, headers[i],
                 sizes[i]);
    if (sizes[i] == 0) continue;
    check_masked(
        framed_borrow(OP_BINARY, body, sizes[i], count_release, &released, 1),
        body, headers[i], sizes[i]);
  }
  CHECK_EQ(released, 7);
}

TEST(framed_masks_nothing_without_memory) {
  struct payload *frame = framed_copy(OP_TEXT, "a", 1);

  pool_drain();
  mem_fail_at(1, true);
  CHECK(framed_masked(frame) == NULL);
  mem_fail_at(0, false);
  payload_drop(frame);
}

/* What does not fit the deflater's own room is a block of its own. */
TEST(framed_deflates_what_is_large) {
  enum { LENGTH = 500 * 1000 };
  uint8_t *bytes = malloc(LENGTH), *back = malloc(LENGTH + 1);
  uint32_t seed = 1;
  size_t count = 0;
  for (size_t i = 0; i < LENGTH; i++) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = (uint8_t)(seed >> 24);
  }
  struct deflater *deflater = deflater_new(1, 15, 8, false);
  struct inflater *inflater = inflater_new(15, false);
  struct payload *frame = framed_copy(OP_BINARY, bytes, LENGTH);
  struct payload *deflated = framed_deflated(frame, deflater);
  if (!CHECK(deflated != NULL)) return;
  CHECK_EQ(deflated->head[0], 0x80 | FRAME_DEFLATED | OP_BINARY);
  CHECK_EQ(deflated->body_length, framed_length(deflated));
  inflater_begin(inflater, deflated->body, deflated->body_length);
  CHECK_EQ(inflater_step(inflater, back, LENGTH + 1, &count), INFLATER_DONE);
  CHECK_BYTES(back, count, bytes, LENGTH);
  payload_drop(deflated);

  /* Without memory there is none, at each place where it is asked for. */
  uint64_t n = 1;
  for (bool is_made = false; !is_made && n < 100; n++) {
    deflater_rest(deflater);
    pool_drain();
    int64_t held = mem_in_use();
    mem_fail_at(n, true);
    deflated = framed_deflated(frame, deflater);
    mem_fail_at(0, false);
    is_made = deflated != NULL;
    if (is_made) payload_drop(deflated);
    deflater_rest(deflater);
    pool_drain();
    CHECK_EQ(mem_in_use(), held);
  }
  CHECK(n > 3 && n < 100);
  payload_drop(frame);
  deflater_free(deflater);
  inflater_free(inflater);
  free(bytes);
  free(back);
}
