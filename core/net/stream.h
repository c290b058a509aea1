/* stream - the transport over a libuv stream: TCP or a pipe (unix socket). */
#ifndef RATCHET_NET_STREAM_H
#define RATCHET_NET_STREAM_H

#include "loop.h"
#include "transport.h"

enum stream_kind { STREAM_TCP, STREAM_PIPE };

/* Accepts the next waiting connection of a listening handle. On failure a
 * negative errno, nothing is owed and *transport is untouched. */
int stream_accept(struct loop *loop, uv_stream_t *listening,
                  enum stream_kind kind, struct transport **transport);

#endif
