/*
 * mem - the one place where memory comes from.
 *
 * Everything that the core allocates for a connection, a frame or a script
 * object goes through these functions, so that a test can make the n-th
 * allocation fail (mem_fail_at) and count what is still held (mem_in_use).
 * libuv is given the same functions in loop.c.
 */
#ifndef RATCHET_BASE_MEM_H
#define RATCHET_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when there is no memory; never for size 0. */
void *mem_alloc(size_t size);
void *mem_alloc_zeroed(size_t count, size_t size);
/* On failure the old block stays as it was. */
void *mem_resize(void *block, size_t size);
void mem_free(void *block);

/* To be called before there is a second thread: all of them share one arena,
 * the only kind that shrinks. */
void mem_share_arena(void);
/* Bytes in use, and the most of them since the last mem_forget_most. Threads
 * that allocate at the same moment may each lose a count: good for a decision,
 * not for a proof. */
size_t mem_used(void);
size_t mem_used_most(void);
void mem_forget_most(void);
/* Gives free memory back to the system. It looks at every free piece that there
 * is: 30 ms where there are 100,000 of them. */
void mem_trim(void);

/* For tests: the n-th allocation from now (1 is the next) returns NULL, and
 * each one after it too when `sticky`; 0 is none. The first call, 0 included,
 * switches the counting below on, for the rest of the process: to be made
 * before anything is allocated. */
void mem_fail_at(uint64_t nth, bool sticky);
/* How many allocations were asked for since the last mem_fail_at. */
uint64_t mem_requests(void);
/* Blocks handed out and not freed, as far as they were counted. */
int64_t mem_in_use(void);

#endif
