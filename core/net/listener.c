#include "listener.h"

#include "base/mem.h"
#include "local_socket.h"
#include "virtual_network.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* Owned by whoever opened it until listener_close; then by libuv, whose close
 * callback frees it. */
struct listener {
  struct loop *loop;
  listener_accepted accepted;
  void *owner;
  enum stream_kind kind;
  bool turning_away, missed; /* `spare` is in use; somebody else waits */
  struct local_file file;    /* of a unix socket that was made here */
  struct virtual_port *port; /* in the network of a test, or NULL */
  bool is_virtual;           /* `uv` is not in use */
  union stream_handle spare;
  union stream_handle uv;
};

static void turn_away(struct listener *listener);

static void on_turned_away(uv_handle_t *handle) {
  struct listener *listener = handle->data;
  listener->turning_away = false;
  if (uv_is_closing(&listener->uv.handle)) {
    mem_free(listener);
  } else if (listener->missed) {
    turn_away(listener);
  }
}

/* libuv listens on only when what it has accepted is taken: without memory for
 * it, it is taken by the listener's own handle, and closed. */
static void turn_away(struct listener *listener) {
  listener->missed = listener->turning_away;
  if (listener->turning_away) return;
  stream_handle_init(&listener->spare, listener->loop, listener->kind,
                     listener);
  listener->turning_away = true;
  uv_accept(&listener->uv.stream, &listener->spare.stream);
  uv_close(&listener->spare.handle, on_turned_away);
}

static void on_connection(uv_stream_t *handle, int error) {
  struct listener *listener = handle->data;
  struct transport *transport;
  if (error) return;
  error = stream_accept(listener->loop, handle, listener->kind, &transport);
  if (error) {
    if (error == UV_ENOMEM) turn_away(listener);
    return;
  }
  listener->accepted(listener->owner, transport);
}

static void on_closed(uv_handle_t *handle) {
  struct listener *listener = handle->data;
  if (!listener->turning_away) mem_free(listener);
}

void listener_close(struct listener *listener) {
  local_file_remove(&listener->file);
  if (listener->port) virtual_port_close(listener->port);
  if (listener->is_virtual) {
    mem_free(listener);
    return;
  }
  uv_close(&listener->uv.handle, on_closed);
}

static struct listener *listener_new(struct loop *loop, enum stream_kind kind,
                                     listener_accepted accepted, void *owner) {
  struct listener *listener = mem_alloc_zeroed(1, sizeof *listener);
  if (!listener) return NULL;
  listener->loop = loop;
  listener->kind = kind;
  listener->accepted = accepted;
  listener->owner = owner;
  stream_handle_init(&listener->uv, loop, kind, listener);
  return listener;
}

/* Hands a bound listener out once it listens; otherwise ends it. */
static int listen_or_close(struct listener *made, int error,
                           struct listener **listener) {
  if (!error) error = uv_listen(&made->uv.stream, BACKLOG, on_connection);
  if (error) {
    listener_close(made);
    return error;
  }
  *listener = made;
  return 0;
}

/* Names are looked up while the app is loaded, before anybody is served: this
 * may block. */
static int resolve(struct loop *loop, const char *host, int port,
                   struct sockaddr_storage *address) {
  char service[8];
  uv_getaddrinfo_t request;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  snprintf(service, sizeof service, "%d", port);
  int error = uv_getaddrinfo(&loop->uv, &request, NULL, host, service, &hints);
  if (error) return error;
  memcpy(address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
  uv_freeaddrinfo(request.addrinfo);
  return 0;
}

/* The system must know before the socket is bound, and libuv's makes none until
 * then. */
static int share_port(struct listener *made, int family) {
  int one = 1;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int error = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  error = error ? -errno : uv_tcp_open(&made->uv.tcp, fd);
  if (error) close(fd);
  return error;
}

static int open_tcp(struct listener *made, const char *host, int port,
                    unsigned options) {
  struct sockaddr_storage address = {0};
  unsigned flags = options & LISTENER_SIX_ONLY ? UV_TCP_IPV6ONLY : 0;
  int error = resolve(made->loop, host, port, &address);
  if (!error && (options & LISTENER_SHARED)) {
    error = share_port(made, address.ss_family);
  }
  if (error) return error;
  return uv_tcp_bind(&made->uv.tcp, (struct sockaddr *)&address, flags);
}

static int listen_on_tcp(struct loop *loop, const char *host, int port,
                         unsigned options, listener_accepted accepted,
                         void *owner, struct listener **listener) {
  if (port < 0 || port > 65535) return UV_EINVAL;
  struct listener *made = listener_new(loop, STREAM_TCP, accepted, owner);
  if (!made) return UV_ENOMEM;
  return listen_or_close(made, open_tcp(made, host, port, options), listener);
}

/* A live one has any port, for the app itself may be running beside its test.
 */
static int listen_in_live_network(struct loop *loop, listener_accepted accepted,
                                  void *owner, struct listener **listener) {
  struct listener *made;
  int error = listen_on_tcp(loop, "127.0.0.1", 0, 0, accepted, owner, &made);
  if (error) return error;
  made->port = virtual_port_note(loop->network, listener_port(made));
  if (!made->port) {
    listener_close(made);
    return UV_ENOMEM;
  }
  *listener = made;
  return 0;
}

static void on_virtual(void *owner, struct transport *transport) {
  struct listener *listener = owner;
  listener->accepted(listener->owner, transport);
}

static int listen_in_network(struct loop *loop, int port,
                             listener_accepted accepted, void *owner,
                             struct listener **listener) {
  if (loop->network->is_live) {
    return listen_in_live_network(loop, accepted, owner, listener);
  }
  struct listener *made = mem_alloc_zeroed(1, sizeof *made);
  if (!made) return UV_ENOMEM;
  made->is_virtual = true;
  made->accepted = accepted;
  made->owner = owner;
  made->port = virtual_port_open(loop->network, port, on_virtual, made);
  if (!made->port) {
    mem_free(made);
    return UV_ENOMEM;
  }
  *listener = made;
  return 0;
}

int listener_open_tcp(struct loop *loop, const char *host, int port,
                      unsigned options, listener_accepted accepted, void *owner,
                      struct listener **listener) {
  if (loop->network) {
    return listen_in_network(loop, port, accepted, owner, listener);
  }
  return listen_on_tcp(loop, host, port, options, accepted, owner, listener);
}

static int open_pipe(struct listener *made, const char *path, int mode) {
  int fd = local_socket_bind(path, mode, &made->file);
  if (fd < 0) return fd;
  int error = uv_pipe_open(&made->uv.pipe, fd);
  if (error) close(fd);
  return error;
}

int listener_open_pipe(struct loop *loop, const char *path, int mode,
                       listener_accepted accepted, void *owner,
                       struct listener **listener) {
  struct listener *made = listener_new(loop, STREAM_PIPE, accepted, owner);
  if (!made) return UV_ENOMEM;
  return listen_or_close(made, open_pipe(made, path, mode), listener);
}

static int adopt(struct listener *made, int fd) {
  if (made->kind == STREAM_TCP) return uv_tcp_open(&made->uv.tcp, fd);
  return uv_pipe_open(&made->uv.pipe, fd);
}

/* It listens before it is adopted: what cannot is not closed here. */
int listener_open_descriptor(struct loop *loop, int fd,
                             listener_accepted accepted, void *owner,
                             struct listener **listener) {
  struct bound bound;
  int error = bound_of(fd, &bound);
  if (error) return error;
  if (listen(fd, BACKLOG) != 0) return uv_translate_sys_error(errno);
  enum stream_kind kind = bound.address.family ? STREAM_TCP : STREAM_PIPE;
  struct listener *made = listener_new(loop, kind, accepted, owner);
  if (!made) return UV_ENOMEM;
  return listen_or_close(made, adopt(made, fd), listener);
}

void listener_give(struct listener *listener, void *owner) {
  listener->owner = owner;
}

int listener_descriptor(const struct listener *listener) {
  uv_os_fd_t fd = -1;
  if (listener->is_virtual) return fd;
  uv_fileno(&listener->uv.handle, &fd);
  return fd;
}

struct bound listener_bound(const struct listener *listener) {
  struct bound bound;
  if (listener->is_virtual) {
    uint16_t port = (uint16_t)virtual_port_number(listener->port);
    return (struct bound){
        .address = {.family = 4, .port = port, .bytes = {127, 0, 0, 1}}};
  }
  bound_of(listener_descriptor(listener), &bound);
  return bound;
}

int listener_port(const struct listener *listener) {
  return listener_bound(listener).address.port;
}
