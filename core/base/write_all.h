/*
 * write_all - bytes to a descriptor that blocks (stdout, stderr, a control
 * socket): all of them, also when a signal cuts a write short or keeps it from
 * beginning.
 */
#ifndef RATCHET_BASE_WRITE_ALL_H
#define RATCHET_BASE_WRITE_ALL_H

#include <stddef.h>

/* 0, or a negative errno when the rest cannot be written. */
int write_all(int fd, const void *bytes, size_t length);

#endif
