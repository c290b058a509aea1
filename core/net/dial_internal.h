/*
 * dial_internal - what the files of a dial share: dial.c (its course),
 * dial_tls.c (TLS, once an address has answered).
 */
#ifndef RATCHET_NET_DIAL_INTERNAL_H
#define RATCHET_NET_DIAL_INTERNAL_H

#include "addresses.h"
#include "base/address.h"
#include "dial.h"

/* One address that is being tried. */
struct attempt {
  uv_connect_t request;
  struct dial *dial;
  struct transport *transport; /* NULL: not begun, or given up */
};

/* Owned by its maker until `done` or dial_cancel; then by libuv, and freed when
 * the last callback that libuv owes it has come. */
struct dial {
  struct loop *loop;
  dial_done done; /* NULL: it is over */
  void *owner;
  uint64_t deadline;
  uv_timer_t timer;
  uv_getaddrinfo_t lookup;
  unsigned owed;   /* callbacks: the timer's close, lookup, attempts, TLS's */
  unsigned trying; /* attempts that have not ended */
  size_t begun;
  int port;
  int error; /* of the last attempt that failed */
  bool is_pipe;
  bool is_here;               /* its port is one of the test's network, */
  bool is_live;               /* and that is a live one */
  struct tls_config *tls;     /* NULL: not over TLS */
  struct transport *secured;  /* TLS is being agreed on, or NULL */
  const char *server_name;    /* behind the name */
  const char *why;            /* of `error`, where more is known than that */
  char *text;                 /* that, when it is ours; or NULL */
  struct addresses addresses; /* none: there is `error` */
  struct attempt attempts[ADDRESSES_MAX];
  char tried[ADDRESS_TEXT_MAX]; /* whom `error` is about */
  char name[];                  /* host or path */
};

/* ---- dial.c */

/* One callback that was owed has come. */
void dial_release(struct dial *dial);
/* Ends it, and tells. */
void dial_succeed(struct dial *dial, struct transport *transport);
void dial_fail(struct dial *dial, int error);
/* Gives up all addresses but the one that has answered; what is left of the
 * time is for what follows. */
void dial_settle(struct dial *dial);

/* ---- dial_tls.c */

/* Of a target over TLS. 0 or a negative errno, and `why`. */
int dial_prepare_tls(struct dial *dial, const struct dial_target *target);
/* One address has answered: it is that one, whatever its TLS says. */
void dial_secure(struct dial *dial, struct transport *below);

#endif
