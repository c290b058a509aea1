/*
 * frame - the bytes of one WebSocket frame (RFC 6455 5.2): its header, written,
 * and its mask, applied. Reading frames is the reader's part.
 */
#ifndef RATCHET_PROTO_FRAME_H
#define RATCHET_PROTO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode {
  OP_CONTINUATION = 0x0,
  OP_TEXT = 0x1,
  OP_BINARY = 0x2,
  OP_CLOSE = 0x8,
  OP_PING = 0x9,
  OP_PONG = 0xA,
};

enum {
  FRAME_HEADER_MAX = 14, /* with a mask; 10 without */
  FRAME_CONTROL_MAX = 125,
  FRAME_DEFLATED = 0x40, /* RSV1 in byte 0: RFC 7692 6 */
};

/* Writes the header of an unmasked, final frame; returns its size, 2 to 10. */
size_t frame_write_header(uint8_t header[FRAME_HEADER_MAX], enum opcode opcode,
                          uint64_t length);

/* The same for a frame that a client sends; its payload is to be masked with
 * `key` by frame_mask. */
size_t frame_write_masked_header(uint8_t header[FRAME_HEADER_MAX],
                                 enum opcode opcode, uint64_t length,
                                 const uint8_t key[4]);

/* Applies the mask in place (RFC 6455 5.3). `offset` is how many bytes of the
 * payload came before these. Returns false when a result has its top bit set,
 * that is, when the bytes are not plain ASCII: the cheap half of the UTF-8
 * check, done while the bytes are at hand. */
bool frame_mask(uint8_t *bytes, size_t length, const uint8_t key[4],
                uint64_t offset);

/* The plain byte-by-byte form of frame_mask, that tests compare it to. */
bool frame_mask_plain(uint8_t *bytes, size_t length, const uint8_t key[4],
                      uint64_t offset);

#endif
