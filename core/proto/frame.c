/*
 * frame - headers written and masks applied (RFC 6455 5.2, 5.3).
 *
 * The mask is four bytes that repeat, so a wide register holds it several times
 * over and the loop need not care where it stands. The last bytes, fewer than
 * a word, are done as one word that overlaps what came before: it is read
 * before the loop writes and stored after it, and as both give the same result
 * for the bytes they share, no byte is masked twice.
 */
#include "frame.h"

#include <string.h>

/* What every x86-64 and AArch64 has. Two at a time; asking for one of 32 bytes
 * makes GCC without AVX2 go through the stack, four times slower. */
typedef uint64_t block16 __attribute__((vector_size(16)));

#define TOP_BITS 0x8080808080808080u

static size_t write_header(uint8_t *header, enum opcode opcode, uint64_t length,
                           uint8_t mask_bit) {
  header[0] = (uint8_t)(0x80 | opcode);
  if (length <= 125) {
    header[1] = (uint8_t)(mask_bit | length);
    return 2;
  }
  if (length <= 0xFFFF) {
    header[1] = mask_bit | 126;
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)length;
    return 4;
  }
  header[1] = mask_bit | 127;
  for (int i = 0; i < 8; i++) header[2 + i] = (uint8_t)(length >> (56 - 8 * i));
  return 10;
}

size_t frame_write_header(uint8_t header[FRAME_HEADER_MAX], enum opcode opcode,
                          uint64_t length) {
  return write_header(header, opcode, length, 0);
}

size_t frame_write_masked_header(uint8_t header[FRAME_HEADER_MAX],
                                 enum opcode opcode, uint64_t length,
                                 const uint8_t key[4]) {
  size_t size = write_header(header, opcode, length, 0x80);

  memcpy(header + size, key, 4);
  return size + 4;
}

bool frame_mask_plain(uint8_t *bytes, size_t length, const uint8_t key[4],
                      uint64_t offset) {
  uint8_t seen = 0;

  for (size_t i = 0; i < length; i++) {
    bytes[i] ^= key[(offset + i) & 3];
    seen |= bytes[i];
  }
  return seen < 0x80;
}

/* The key as it lies in memory when it starts at `offset`. */
static uint32_t turn_key(const uint8_t key[4], uint64_t offset) {
  uint32_t word, turn = (uint32_t)(offset & 3) * 8;

  memcpy(&word, key, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return word >> turn | word << (-turn & 31);
#else
  return word << turn | word >> (-turn & 31);
#endif
}

static uint64_t load(const uint8_t *from) {
  uint64_t word;

  memcpy(&word, from, sizeof word);
  return word;
}

/* Fewer than eight bytes: at most a half word and three. */
static bool mask_few(uint8_t *bytes, size_t length, const uint8_t key[4],
                     uint64_t offset) {
  if (length < 4) return frame_mask_plain(bytes, length, key, offset);

  uint32_t half;
  memcpy(&half, bytes, sizeof half);
  half ^= turn_key(key, offset);
  memcpy(bytes, &half, sizeof half);
  bool plain = frame_mask_plain(bytes + 4, length - 4, key, offset);
  return plain && !(half & (uint32_t)TOP_BITS);
}

/* Masks as many blocks of 32 bytes as there are and returns their size. `seen`
 * collects the bits of the results. */
static size_t mask_blocks(uint8_t *bytes, size_t length, uint64_t mask,
                          uint64_t *seen) {
  block16 wide = {mask, mask}, all = {0, 0};
  size_t done = 0;

  for (; length - done >= 32; done += 32) {
    block16 low, high;
    memcpy(&low, bytes + done, 16);
    memcpy(&high, bytes + done + 16, 16);
    low ^= wide;
    high ^= wide;
    all |= low | high;
    memcpy(bytes + done, &low, 16);
    memcpy(bytes + done + 16, &high, 16);
  }
  *seen |= all[0] | all[1];
  return done;
}

bool frame_mask(uint8_t *bytes, size_t length, const uint8_t key[4],
                uint64_t offset) {
  if (length < 8) return mask_few(bytes, length, key, offset);

  uint64_t twice = 0x100000001u; /* a half word, repeated */
  uint64_t mask = turn_key(key, offset) * twice;
  uint8_t *last = bytes + length - 8;
  uint64_t tail = load(last) ^ turn_key(key, offset + length) * twice;
  uint64_t seen = tail;
  size_t done = mask_blocks(bytes, length, mask, &seen);
  for (; length - done >= 8; done += 8) {
    uint64_t word = load(bytes + done) ^ mask;
    seen |= word;
    memcpy(bytes + done, &word, sizeof word);
  }
  memcpy(last, &tail, sizeof tail);
  return !(seen & TOP_BITS);
}
