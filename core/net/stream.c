/*
 * The transport over a libuv stream. The fast path is uv_try_write; a request
 * (uv_write_t) is made only for what the kernel refused.
 */
#include "stream.h"

#include "base/mem.h"
#include "base/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { PIECES_MAX = 64 };

/* Owns its handle; frees itself in the handle's close callback. */
struct stream {
  struct transport base;
  union stream_handle uv;
};

static struct stream *stream_of(struct transport *transport) {
  return (struct stream *)transport;
}

static void on_closed(uv_handle_t *handle) {
  struct stream *stream = handle->data;
  const struct transport_events *events = stream->base.events;
  void *owner = stream->base.owner;
  mem_free(stream);
  if (events) events->closed(owner);
}

static void stream_close(struct transport *transport) {
  struct stream *stream = stream_of(transport);
  if (!uv_is_closing(&stream->uv.handle))
    uv_close(&stream->uv.handle, on_closed);
}

/* libuv's loop is the first part of ours, so no connection keeps a pointer. */
static struct loop *loop_of(const uv_handle_t *handle) {
  return OWNER_OF(handle->loop, struct loop, uv);
}

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *space) {
  (void)suggested;
  struct stream *stream = handle->data;
  uint8_t *bytes;
  size_t length = stream->base.events->space(stream->base.owner, &bytes);
  if (length == 0) {
    bytes = loop_of(&stream->uv.handle)->read_buffer;
    length = LOOP_READ_BUFFER;
  }
  space->base = (char *)bytes;
  space->len = length;
}

static void on_read(uv_stream_t *handle, ssize_t length,
                    const uv_buf_t *space) {
  struct stream *stream = handle->data;
  const struct transport_events *events = stream->base.events;
  if (length > 0) {
    events->read(stream->base.owner, (uint8_t *)space->base, (size_t)length);
    return;
  }
  if (length == 0) return; /* EAGAIN */
  uv_read_stop(handle);
  events->ended(stream->base.owner, length == UV_EOF ? 0 : (int)length);
}

static int stream_start_reading(struct transport *transport) {
  int error =
      uv_read_start(&stream_of(transport)->uv.stream, on_space, on_read);
  return error == UV_EALREADY ? 0 : error;
}

static void stream_stop_reading(struct transport *transport) {
  uv_read_stop(&stream_of(transport)->uv.stream);
}

static unsigned as_buffers(uv_buf_t *buffers, const struct slice *pieces,
                           size_t count) {
  for (size_t i = 0; i < count; i++) {
    buffers[i].base = (char *)(uintptr_t)pieces[i].at;
    buffers[i].len = pieces[i].length;
  }
  return (unsigned)count;
}

static ssize_t stream_try_write(struct transport *transport,
                                const struct slice *pieces, size_t count) {
  uv_buf_t buffers[PIECES_MAX];
  if (count > PIECES_MAX) count = PIECES_MAX;
  unsigned n = as_buffers(buffers, pieces, count);
  int written = uv_try_write(&stream_of(transport)->uv.stream, buffers, n);
  return written == UV_EAGAIN ? 0 : written;
}

static void on_written(uv_write_t *request, int error) {
  struct stream *stream = request->handle->data;
  pool_give(request, sizeof *request);
  if (uv_is_closing(&stream->uv.handle)) return;
  stream->base.events->written(stream->base.owner, error);
}

static int stream_write(struct transport *transport, const struct slice *pieces,
                        size_t count) {
  uv_buf_t buffers[PIECES_MAX];
  uv_write_t *request = pool_take(sizeof *request);
  if (!request) return UV_ENOMEM;
  unsigned n = as_buffers(buffers, pieces, count);
  int error = uv_write(request, &stream_of(transport)->uv.stream, buffers, n,
                       on_written);
  if (error) pool_give(request, sizeof *request);
  return error;
}

/* TIOCOUTQ is SIOCOUTQ: what is not sent, or not acknowledged. */
static size_t stream_untaken(struct transport *transport) {
  uv_os_fd_t descriptor;
  int count = 0;
  if (uv_fileno(&stream_of(transport)->uv.handle, &descriptor)) return 0;
  if (ioctl(descriptor, TIOCOUTQ, &count)) return 0;
  return count > 0 ? (size_t)count : 0;
}

static void on_shutdown(uv_shutdown_t *request, int error) {
  (void)error; /* a broken stream is heard of by reading */
  pool_give(request, sizeof *request);
}

static int shutdown_later(uv_stream_t *handle) {
  uv_shutdown_t *request = pool_take(sizeof *request);
  if (!request) return UV_ENOMEM;
  int error = uv_shutdown(request, handle, on_shutdown);
  if (error) pool_give(request, sizeof *request);
  return error;
}

/* Most have nothing left to write: then it is one system call, where libuv
 * makes two and comes back in the next turn. */
static int stream_shutdown(struct transport *transport) {
  uv_stream_t *handle = &stream_of(transport)->uv.stream;
  uv_os_fd_t descriptor;
  if (uv_stream_get_write_queue_size(handle) > 0) return shutdown_later(handle);
  int error = uv_fileno(&stream_of(transport)->uv.handle, &descriptor);
  if (error) return error;
  return shutdown(descriptor, SHUT_WR) ? uv_translate_sys_error(errno) : 0;
}

static struct address stream_peer(struct transport *transport) {
  struct stream *stream = stream_of(transport);
  struct sockaddr_storage name;
  int length = sizeof name;
  if (stream->uv.handle.type != UV_TCP) return (struct address){0};
  if (uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)&name, &length)) {
    return (struct address){0};
  }
  return address_of((struct sockaddr *)&name);
}

static const struct transport_ops stream_ops = {
    .start_reading = stream_start_reading,
    .stop_reading = stream_stop_reading,
    .try_write = stream_try_write,
    .write = stream_write,
    .untaken = stream_untaken,
    .shutdown = stream_shutdown,
    .close = stream_close,
    .peer = stream_peer,
};

void stream_handle_init(union stream_handle *handle, struct loop *loop,
                        enum stream_kind kind, void *data) {
  if (kind == STREAM_TCP) {
    uv_tcp_init(&loop->uv, &handle->tcp);
  } else {
    uv_pipe_init(&loop->uv, &handle->pipe, 0);
  }
  handle->handle.data = data;
}

/* A new descriptor is always the lowest that is free: a high one says that the
 * others are taken. */
bool stream_is_last(struct transport *transport) {
  struct stream *stream = stream_of(transport);
  uv_os_fd_t descriptor;
  int from = loop_of(&stream->uv.handle)->last_descriptors;
  return from > 0 && uv_fileno(&stream->uv.handle, &descriptor) == 0 &&
         descriptor >= from;
}

struct transport *stream_new(struct loop *loop, enum stream_kind kind,
                             union stream_handle **handle) {
  size_t size = offsetof(struct stream, uv) +
                (kind == STREAM_TCP ? sizeof(uv_tcp_t) : sizeof(uv_pipe_t));
  struct stream *stream = mem_alloc(size);
  if (!stream) return NULL;
  stream->base = (struct transport){.ops = &stream_ops};
  stream_handle_init(&stream->uv, loop, kind, stream);
  if (kind == STREAM_TCP) uv_tcp_nodelay(&stream->uv.tcp, 1);
  *handle = &stream->uv;
  return &stream->base;
}

int stream_accept(struct loop *loop, uv_stream_t *listening,
                  enum stream_kind kind, struct transport **transport) {
  union stream_handle *handle;
  struct transport *stream = stream_new(loop, kind, &handle);
  if (!stream) return UV_ENOMEM;
  int error = uv_accept(listening, &handle->stream);
  if (error) {
    stream_close(stream);
    return error;
  }
  stream->is_last = stream_is_last(stream);
  *transport = stream;
  return 0;
}
