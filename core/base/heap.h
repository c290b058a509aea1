/*
 * heap - which of many things comes first. A pairing heap whose nodes live in
 * the things: it owns nothing, allocates nothing and cannot fail.
 *
 * Insertion is a handful of writes, taking the first out is logarithmic on
 * average.
 */
#ifndef RATCHET_BASE_HEAP_H
#define RATCHET_BASE_HEAP_H

#include "owner.h"

#include <stdbool.h>
#include <stddef.h>

/* Part of what is ordered. `prev` is the parent of a first child. */
struct heap_node {
  struct heap_node *child, *next, *prev;
};

struct heap {
  struct heap_node *first; /* NULL: it is empty */
  bool (*is_before)(const struct heap_node *a, const struct heap_node *b);
};

/* `node` must be in no heap. */
void heap_insert(struct heap *heap, struct heap_node *node);
/* `node` must be in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
