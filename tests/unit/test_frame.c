/*
 * test_frame - headers byte for byte, and the fast mask against the plain one.
 */
#include "check.h"
#include "proto/frame.h"

#include <stdlib.h>
#include <string.h>

static void check_header(enum opcode opcode, uint64_t length,
                         const char *wanted) {
  uint8_t header[FRAME_HEADER_MAX], key[4] = {0xA1, 0xB2, 0xC3, 0xD4};
  size_t wanted_size;
  uint8_t *bytes = bytes_of(wanted, &wanted_size);

  check_context("%s", wanted);
  size_t size = frame_write_header(header, opcode, length);
  CHECK_BYTES(header, size, bytes, wanted_size);

  size = frame_write_masked_header(header, opcode, length, key);
  bytes[1] |= 0x80;
  CHECK_BYTES(header, size - 4, bytes, wanted_size);
  CHECK_BYTES(header + size - 4, 4, key, 4);
  free(bytes);
}

TEST(frame_writes_the_shortest_header) {
  check_header(OP_TEXT, 0, "81 00");
  check_header(OP_BINARY, 125, "82 7D");
  check_header(OP_TEXT, 126, "81 7E 00 7E");
  check_header(OP_TEXT, 0xFFFF, "81 7E FF FF");
  check_header(OP_TEXT, 0x10000, "81 7F 00 00 00 00 00 01 00 00");
  check_header(OP_BINARY, INT64_MAX, "82 7F 7F FF FF FF FF FF FF FF");
  check_header(OP_CLOSE, 2, "88 02");
  check_header(OP_PING, 1, "89 01");
  check_header(OP_PONG, 1, "8A 01");
}

/* Deterministic noise, so that a failure can be seen twice. */
static void fill(uint8_t *bytes, size_t length, uint32_t seed) {
  for (size_t i = 0; i < length; i++) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = (uint8_t)(seed >> 24);
  }
}

TEST(frame_mask_is_the_plain_mask) {
  uint8_t source[200], plain[200];
  const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};

  fill(source, sizeof source, 1);
  for (size_t length = 0; length <= sizeof source; length++) {
    for (uint64_t offset = 0; offset < 8; offset++) {
      uint8_t *fast = guarded(source, length);
      memcpy(plain, source, length);
      bool is_ascii = frame_mask(fast, length, key, offset);
      check_context("length %zu, offset %d", length, (int)offset);
      CHECK_EQ(is_ascii, frame_mask_plain(plain, length, key, offset));
      CHECK_BYTES(fast, length, plain, length);
    }
  }
}

TEST(frame_mask_keeps_to_its_bytes) {
  uint8_t bytes[120], copy[120];
  const uint8_t key[4] = {1, 2, 3, 4};

  for (size_t length = 0; length <= 80; length++) {
    for (size_t at = 0; at < 33; at++) {
      fill(bytes, sizeof bytes, 7);
      memcpy(copy, bytes, sizeof bytes);
      frame_mask(bytes + at, length, key, 0);
      CHECK_BYTES(bytes, at, copy, at);
      size_t after = at + length;
      CHECK_BYTES(bytes + after, sizeof bytes - after, copy + after,
                  sizeof bytes - after);
    }
  }
}

TEST(frame_mask_sees_each_byte_that_is_not_ascii) {
  uint8_t bytes[80];
  const uint8_t key[4] = {0x80, 0x7F, 0xFF, 0x00};

  for (size_t length = 1; length <= sizeof bytes; length++) {
    for (size_t odd = 0; odd <= length; odd++) { /* == length: none */
      memset(bytes, 'a', sizeof bytes);
      if (odd < length) bytes[odd] = 0x80;
      frame_mask_plain(bytes, length, key, 0);
      check_context("length %zu, odd byte at %zu", length, odd);
      CHECK_EQ(frame_mask(bytes, length, key, 0), odd == length);
    }
  }
}

TEST(frame_mask_in_pieces_is_as_whole) {
  uint8_t whole[100], pieces[100];
  const uint8_t key[4] = {9, 8, 7, 6};

  for (size_t cut = 0; cut <= sizeof whole; cut++) {
    fill(whole, sizeof whole, 3);
    memcpy(pieces, whole, sizeof whole);
    frame_mask(whole, sizeof whole, key, 0);
    frame_mask(pieces, cut, key, 0);
    frame_mask(pieces + cut, sizeof pieces - cut, key, cut);
    CHECK_BYTES(pieces, sizeof pieces, whole, sizeof whole);
  }
}

TEST(frame_mask_takes_the_offset_of_a_huge_frame) {
  uint8_t a[40] = {0}, b[40] = {0};
  const uint8_t key[4] = {9, 8, 7, 6};

  frame_mask(a, sizeof a, key, UINT64_MAX - 2);
  frame_mask(b, sizeof b, key, 1);
  CHECK_BYTES(a, sizeof a, b, sizeof b);
}
