/*
 * dial - an outgoing connection: a host is looked up and its addresses are
 * tried until one answers (RFC 8305, the light way), or a unix socket's path is
 * connected to. What comes of it is a transport, or a reason in words.
 *
 * A new address is tried whenever the one before has failed or has said nothing
 * for DIAL_STAGGER; those that were begun go on, the first to answer is taken,
 * and the others are closed. Families take turns, so that a host whose IPv6
 * leads nowhere costs a moment and not the whole time. Where TLS is asked for,
 * it is agreed on before the transport is handed out.
 */
#ifndef RATCHET_NET_DIAL_H
#define RATCHET_NET_DIAL_H

#include "loop.h"
#include "tls_options.h"
#include "transport.h"

enum { DIAL_STAGGER = 250 }; /* ms */

struct dial;

/* Copied by dial_start. */
struct dial_target {
  const char *path; /* of a unix socket; or NULL: */
  const char *host; /* a name, or an IP address without brackets */
  int port;         /* 1 to 65535 */
  bool is_secure;   /* over TLS, with these: */
  struct tls_client_options tls;
  const char *server_name; /* whose certificate it must be; NULL: the host's */
};

/* Once, never from inside dial_start: the transport is the callee's. Or NULL, a
 * negative errno (UV_EAI_* when the name is none, UV_ETIMEDOUT) and the reason,
 * "localhost port 81 (127.0.0.1): connection refused", valid during the call;
 * UV_ECONNABORTED when TLS was not agreed on. The dial is over. */
typedef void (*dial_done)(void *owner, struct transport *transport, int error,
                          const char *reason);

/* Begins; `timeout` in ms is for all of it, the lookup included. NULL when
 * there is no memory; all else is told to `done`. The dial is the caller's to
 * cancel until `done` is called. */
struct dial *dial_start(struct loop *loop, const struct dial_target *target,
                        uint32_t timeout, dial_done done, void *owner);
/* `done` will not be called, and what was begun is closed. */
void dial_cancel(struct dial *dial);

#endif
