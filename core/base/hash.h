/*
 * hash - SipHash-1-3 with a key of this process: names that peers choose must
 * not be able to fall into one bucket on purpose.
 */
#ifndef RATCHET_BASE_HASH_H
#define RATCHET_BASE_HASH_H

#include "slice.h"

#include <stdint.h>

uint64_t hash_bytes(struct slice bytes);

#endif
