/*
 * pool - short-lived small blocks (frames, queue links) without malloc.
 *
 * A message costs one or two such blocks, taken and given back within a turn of
 * the loop. Free lists by size class make that a handful of instructions, and
 * their total is capped, so a burst does not stay in memory. Sanitizer builds
 * go to mem each time: there a recycled block would hide a use after free.
 */
#ifndef RATCHET_BASE_POOL_H
#define RATCHET_BASE_POOL_H

#include <stddef.h>

/* NULL when there is no memory. Larger blocks than the classes come from mem.
 */
void *pool_take(size_t size);
/* `size` as it was asked for. */
void pool_give(void *block, size_t size);
/* Gives the free blocks back to mem. */
void pool_drain(void);

#endif
