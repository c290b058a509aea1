/*
 * utf8 - is this text? Incremental, so that a message which comes in pieces is
 * refused at its first impossible byte (RFC 6455 8.1), not at its end.
 */
#ifndef RATCHET_BASE_UTF8_H
#define RATCHET_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state between two pieces: UTF8_START is also "ends between code points"
 * (all well so far, and complete); UTF8_REJECT stays. */
enum { UTF8_START = 0, UTF8_REJECT = 1 };

/* The state after the bytes; UTF8_REJECT as soon as one cannot continue what
 * went before, be it an overlong form, a surrogate or above U+10FFFF. */
uint32_t utf8_feed(uint32_t state, const uint8_t *bytes, size_t length);

/* Are the bytes, on their own, well-formed UTF-8? */
bool utf8_valid(const uint8_t *bytes, size_t length);

#endif
