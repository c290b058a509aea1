/* random - bytes that nobody can foresee, from the kernel, fetched in bulk. */
#ifndef RATCHET_BASE_RANDOM_H
#define RATCHET_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* False when the kernel has none to give. */
bool random_bytes(void *to, size_t length);

#endif
