/*
 * bound - where a socket of this machine is bound, asked of the system.
 */
#ifndef RATCHET_NET_BOUND_H
#define RATCHET_NET_BOUND_H

#include "base/address.h"

#include <sys/un.h>

struct bound {
  struct address address; /* family 0 when it is a unix socket */
  char path[sizeof((struct sockaddr_un *)0)->sun_path + 1]; /* or "" */
};

/* 0 or a negative errno: -ENOTSOCK, -EAFNOSUPPORT (neither IP nor unix),
 * -EPROTOTYPE (no stream). */
int bound_of(int fd, struct bound *bound);

#endif
