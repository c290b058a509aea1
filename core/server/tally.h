/*
 * tally - how many connections each address has. IPv6 counts by /64: that is
 * what one subscriber is given.
 */
#ifndef RATCHET_SERVER_TALLY_H
#define RATCHET_SERVER_TALLY_H

#include "base/address.h"

#include <stddef.h>

struct tally_entry;

/* Owned by the server, by value; all zero is empty. Owns its entries, one for
 * each address that has any. */
struct tally {
  struct tally_entry **buckets;
  size_t bucket_count, count;
};

uint32_t tally_count(const struct tally *tally, const struct address *address);
/* One more. False without memory: then it is not counted. */
bool tally_enter(struct tally *tally, const struct address *address);
/* One less, of those that entered. */
void tally_leave(struct tally *tally, const struct address *address);
void tally_free(struct tally *tally);

#endif
