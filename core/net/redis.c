#include "redis.h"

#include "base/mem.h"
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum {
  KEEPALIVE_SECONDS = 15, /* of silence, before TCP asks whether it is there */
  READ_AT_ONCE = 64 * 1024,
};

/* Owned by whoever opened it until redis_close; then by libuv: freed when the
 * handle is closed and the name was looked up. */
struct redis {
  const struct redis_events *events;
  void *owner;
  struct loop *loop;
  struct redis_reader reader;
  struct buffer output; /* not given to libuv yet */
  struct buffer sent;   /* libuv is at it */
  uv_write_t write;
  uv_connect_t connect;
  uv_getaddrinfo_t lookup;
  uv_timer_t soon; /* tells what is found out inside of a call */
  int error;
  int handles; /* that are not closed yet */
  bool is_ready, is_lost, is_closing, is_paused;
  bool is_writing, is_looking_up;
  struct addrinfo *found, *next; /* what the name stands for; not tried yet */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
};

static void free_if_done(struct redis *redis) {
  if (redis->handles > 0 || redis->is_looking_up) return;
  uv_freeaddrinfo(redis->found);
  redis_reader_free(&redis->reader);
  buffer_free(&redis->output);
  buffer_free(&redis->sent);
  mem_free(redis);
}

static void on_closed(uv_handle_t *handle) {
  struct redis *redis = handle->data;
  redis->handles--;
  free_if_done(redis);
}

void redis_close(struct redis *redis) {
  if (redis->is_closing) return;
  redis->is_closing = true;
  if (redis->is_looking_up) uv_cancel((uv_req_t *)&redis->lookup);
  if (!uv_is_closing(&redis->uv.handle)) {
    uv_close(&redis->uv.handle, on_closed);
  }
  uv_close((uv_handle_t *)&redis->soon, on_closed);
}

/* From a callback of the loop only. */
static void lose(struct redis *redis, const char *reason) {
  if (redis->is_lost || redis->is_closing) return;
  redis->is_lost = true;
  if (redis->is_ready) uv_read_stop(&redis->uv.stream);
  redis->events->lost(redis->owner, reason);
}

static void on_soon(uv_timer_t *timer) {
  struct redis *redis = timer->data;
  lose(redis, uv_strerror(redis->error));
}

/* From anywhere. */
static void lose_soon(struct redis *redis, int error) {
  redis->error = error;
  if (!redis->is_closing) uv_timer_start(&redis->soon, on_soon, 0, 0);
}

/* ---- reading */

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *space) {
  (void)suggested;
  struct redis *redis = handle->data;
  *space = uv_buf_init((char *)redis->loop->read_buffer, READ_AT_ONCE);
}

static void on_read(uv_stream_t *stream, ssize_t length,
                    const uv_buf_t *space) {
  struct redis *redis = stream->data;
  if (redis->is_closing || length == 0) return;
  if (length < 0) {
    lose(redis, length == UV_EOF ? "the server closed the connection"
                                 : uv_strerror((int)length));
    return;
  }
  if (redis_reader_feed(&redis->reader, space->base, (size_t)length)) {
    redis->events->readable(redis->owner, &redis->reader);
  }
  if (redis->reader.failure) lose(redis, redis->reader.failure);
}

static void read_on(struct redis *redis) {
  if (!redis->is_ready || redis->is_lost || redis->is_closing) return;
  int error = uv_read_start(&redis->uv.stream, on_space, on_read);
  if (error && error != UV_EALREADY) lose_soon(redis, error);
}

void redis_pause(struct redis *redis) {
  redis->is_paused = true;
  if (redis->is_ready && !redis->is_closing) uv_read_stop(&redis->uv.stream);
}

void redis_resume(struct redis *redis) {
  redis->is_paused = false;
  read_on(redis);
}

/* ---- writing */

static void on_written(uv_write_t *write, int error) {
  struct redis *redis = write->data;
  redis->is_writing = false;
  buffer_free(&redis->sent);
  if (redis->is_closing) return;
  if (error)
    lose(redis, uv_strerror(error));
  else
    redis_flush(redis);
}

/* What the kernel does not take now is libuv's until it has. */
static void write_rest(struct redis *redis) {
  redis->sent = redis->output;
  redis->output = (struct buffer){0};
  uv_buf_t piece =
      uv_buf_init((char *)redis->sent.bytes, (unsigned)redis->sent.length);
  int error = uv_write(&redis->write, &redis->uv.stream, &piece, 1, on_written);
  if (error)
    lose_soon(redis, error);
  else
    redis->is_writing = true;
}

void redis_flush(struct redis *redis) {
  struct buffer *output = &redis->output;
  bool can_write = redis->is_ready && !redis->is_writing && !redis->is_lost;
  if (!can_write || redis->is_closing || output->length == 0) return;
  uv_buf_t piece = uv_buf_init((char *)output->bytes, (unsigned)output->length);
  int written = uv_try_write(&redis->uv.stream, &piece, 1);
  if (written < 0 && written != UV_EAGAIN) {
    lose_soon(redis, written);
    return;
  }
  if (written == (int)output->length && output->capacity <= READ_AT_ONCE) {
    output->length = 0; /* the memory serves the next turn */
    return;
  }
  if (written > 0) buffer_consume(output, (size_t)written);
  if (output->length > 0) write_rest(redis);
}

struct buffer *redis_output(struct redis *redis) {
  return &redis->output;
}

size_t redis_queued(const struct redis *redis) {
  return redis->output.length + redis->sent.length;
}

/* ---- connecting */

static void connect_next(struct redis *redis);

/* A handle that could not connect is of no more use. */
static void on_closed_to_try(uv_handle_t *handle) {
  struct redis *redis = handle->data;
  if (redis->is_closing) {
    on_closed(handle);
    return;
  }
  uv_tcp_init(&redis->loop->uv, &redis->uv.tcp);
  uv_unref(&redis->uv.handle);
  redis->uv.handle.data = redis;
  connect_next(redis);
}

static void on_connected(uv_connect_t *connect, int error) {
  struct redis *redis = connect->data;
  if (redis->is_closing) return;
  if (error && redis->next) {
    uv_close(&redis->uv.handle, on_closed_to_try);
    return;
  }
  if (error) {
    lose(redis, uv_strerror(error));
    return;
  }
  redis->is_ready = true;
  if (redis->uv.handle.type == UV_TCP) {
    uv_tcp_nodelay(&redis->uv.tcp, 1);
    uv_tcp_keepalive(&redis->uv.tcp, 1, KEEPALIVE_SECONDS);
  }
  if (!redis->is_paused) read_on(redis);
  redis->events->ready(redis->owner);
}

/* "localhost" is often two addresses, and the server listens on one. */
static void connect_next(struct redis *redis) {
  const struct addrinfo *to = redis->next;
  redis->next = to->ai_next;
  int error = uv_tcp_connect(&redis->connect, &redis->uv.tcp, to->ai_addr,
                             on_connected);
  if (error) lose(redis, uv_strerror(error));
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int error,
                         struct addrinfo *found) {
  struct redis *redis = lookup->data;
  redis->is_looking_up = false;
  redis->found = redis->next = found;
  if (redis->is_closing)
    free_if_done(redis);
  else if (error)
    lose(redis, uv_strerror(error));
  else
    connect_next(redis);
}

static int begin_tcp(struct redis *redis, const struct redis_address *address) {
  char service[8];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  snprintf(service, sizeof service, "%d", address->port);
  int error = uv_getaddrinfo(&redis->loop->uv, &redis->lookup, on_looked_up,
                             address->host, service, &hints);
  redis->is_looking_up = error == 0;
  return error;
}

static int begin_pipe(struct redis *redis, const char *path) {
  /* libuv cuts a longer path, and would connect to another */
  if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
    return UV_ENAMETOOLONG;
  }
  uv_pipe_connect(&redis->connect, &redis->uv.pipe, path, on_connected);
  return 0;
}

static void start_handles(struct redis *redis, bool is_pipe) {
  uv_loop_t *loop = &redis->loop->uv;
  if (is_pipe)
    uv_pipe_init(loop, &redis->uv.pipe, 0);
  else
    uv_tcp_init(loop, &redis->uv.tcp);
  uv_timer_init(loop, &redis->soon);
  redis->handles = 2;
  redis->uv.handle.data = redis->soon.data = redis;
  redis->write.data = redis->connect.data = redis->lookup.data = redis;
  uv_unref(&redis->uv.handle);
  uv_unref((uv_handle_t *)&redis->soon);
}

struct redis *redis_open(struct loop *loop, const struct redis_address *address,
                         size_t max_reply, const struct redis_events *events,
                         void *owner) {
  struct redis *redis = mem_alloc_zeroed(1, sizeof *redis);
  if (!redis) return NULL;
  redis->loop = loop;
  redis->events = events;
  redis->owner = owner;
  if (!redis_reader_init(&redis->reader, max_reply)) {
    mem_free(redis);
    return NULL;
  }
  start_handles(redis, address->path != NULL);
  int error = address->path ? begin_pipe(redis, address->path)
                            : begin_tcp(redis, address);
  if (error) lose_soon(redis, error);
  return redis;
}
