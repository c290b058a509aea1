/*
 * zlib_memory - zlib's memory comes from base/mem.h, like all of the core's: a
 * test can make it fail.
 */
#ifndef RATCHET_PROTO_ZLIB_MEMORY_H
#define RATCHET_PROTO_ZLIB_MEMORY_H

#include "base/mem.h"

#include <zlib.h>

static inline voidpf zlib_alloc(voidpf owner, uInt items, uInt size) {
  (void)owner;
  return mem_alloc((size_t)items * size);
}

static inline void zlib_free(voidpf owner, voidpf block) {
  (void)owner;
  mem_free(block);
}

/* A stream that is not set up yet. */
#define ZLIB_STREAM                                                            \
  ((z_stream){.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = Z_NULL})

#endif
