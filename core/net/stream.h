/* stream - the transport over a libuv stream: TCP or a pipe (unix socket). */
#ifndef RATCHET_NET_STREAM_H
#define RATCHET_NET_STREAM_H

#include "loop.h"
#include "transport.h"

enum stream_kind { STREAM_TCP, STREAM_PIPE };

/* The handle of either kind. */
union stream_handle {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
};

void stream_handle_init(union stream_handle *handle, struct loop *loop,
                        enum stream_kind kind, void *data);

/* Accepts the next waiting connection of a listening handle. On failure a
 * negative errno, nothing is owed and *transport is untouched. */
int stream_accept(struct loop *loop, uv_stream_t *listening,
                  enum stream_kind kind, struct transport **transport);
/* A stream whose handle is the caller's to connect. NULL: no memory. */
struct transport *stream_new(struct loop *loop, enum stream_kind kind,
                             union stream_handle **handle);
/* Does it have one of the loop's last descriptors? */
bool stream_is_last(struct transport *transport);

#endif
