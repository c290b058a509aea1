/*
 * log_rate - lines that strangers can cause are written a few a second, and
 * counted beyond that: a log is no place to be flooded from.
 */
#ifndef RATCHET_BASE_LOG_RATE_H
#define RATCHET_BASE_LOG_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_RATE_MOST = 10 }; /* lines in a second */

/* Owned by whoever embeds it; all zero is a new one. */
struct log_rate {
  uint64_t second;
  uint32_t count;
};

/* May one more line be written at that time (any clock, in ms)? `left_out` is
 * how many were not since the last second that had any: worth a line, too. */
bool log_rate_allows(struct log_rate *rate, uint64_t now, uint32_t *left_out);

#endif
