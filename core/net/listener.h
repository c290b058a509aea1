/*
 * listener - a listening socket that hands out transports. What it is told to
 * serve is its owner's business.
 */
#ifndef RATCHET_NET_LISTENER_H
#define RATCHET_NET_LISTENER_H

#include "bound.h"
#include "stream.h"

struct listener;

/* The transport is the callee's from here on. */
typedef void (*listener_accepted)(void *owner, struct transport *transport);

enum listener_option {
  LISTENER_SIX_ONLY = 1, /* "::" otherwise takes IPv4 too; UV_EINVAL for an
                          * address of IPv4 */
  LISTENER_SHARED = 2,   /* with other processes that say so (SO_REUSEPORT) */
};

/* `host` is an IP address or a name; port 0 lets the system choose; `options`
 * is some of those above. Returns 0 or a negative errno (UV_EAI_* for a name
 * that is none). */
int listener_open_tcp(struct loop *loop, const char *host, int port,
                      unsigned options, listener_accepted accepted, void *owner,
                      struct listener **listener);
/* A unix socket at `path`, as in local_socket.h. */
int listener_open_pipe(struct loop *loop, const char *path, int mode,
                       listener_accepted accepted, void *owner,
                       struct listener **listener);
/* A socket that is bound already, TCP or unix. It is the listener's when this
 * has succeeded; its file, if it has one, remains its maker's. */
int listener_open_descriptor(struct loop *loop, int fd,
                             listener_accepted accepted, void *owner,
                             struct listener **listener);
/* What is accepted from here on is told to another owner. */
void listener_give(struct listener *listener, void *owner);
/* Where it really listens. */
struct bound listener_bound(const struct listener *listener);
/* The port of that; 0 for a pipe. */
int listener_port(const struct listener *listener);
int listener_descriptor(const struct listener *listener);
/* Stops listening at once and frees the listener when libuv lets go of it. */
void listener_close(struct listener *listener);

#endif
