/*
 * handed - the listening sockets that whoever started the program has handed
 * over with it (sd_listen_fds(3)): descriptors from 3 on, counted by LISTEN_FDS
 * and named by LISTEN_FDNAMES, when LISTEN_PID is this process.
 */
#ifndef RATCHET_NET_HANDED_H
#define RATCHET_NET_HANDED_H

#include "base/slice.h"

enum { HANDED_FIRST = 3 };

/* How many there are. Marks them so that no child inherits them. */
int handed_count(void);
/* The name of number `i`, from 0; empty without one. Borrows the environment.
 */
struct slice handed_name(int i);

#endif
