#include "dial.h"

#include "base/mem.h"
#include "impairment.h"
#include "stream.h"
#include "tls_client.h"
#include "virtual_network.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

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
  size_t count, begun;
  int port;
  int error; /* of the last attempt that failed */
  bool is_pipe;
  bool is_here;              /* its port is one of the test's network, */
  bool is_live;              /* and that is a live one */
  struct tls_config *tls;    /* NULL: not over TLS */
  struct transport *secured; /* TLS is being agreed on, or NULL */
  const char *server_name;   /* behind the name */
  const char *why;           /* of `error`, where more is known than that */
  char *text;                /* that, when it is ours; or NULL */
  struct sockaddr_storage addresses[DIAL_ADDRESSES_MAX];
  struct attempt attempts[DIAL_ADDRESSES_MAX];
  char tried[ADDRESS_TEXT_MAX]; /* whom `error` is about */
  char name[];                  /* host or path */
};

static void release(struct dial *dial) {
  if (--dial->owed > 0) return;
  if (dial->tls) tls_client_drop(dial->tls);
  mem_free(dial->text);
  mem_free(dial);
}

static void on_timer_closed(uv_handle_t *handle) {
  release(handle->data);
}

static void give_up(struct attempt *attempt) {
  if (!attempt->transport) return;
  attempt->dial->trying--;
  attempt->transport->ops->close(attempt->transport);
  attempt->transport = NULL;
}

/* Nothing more is told; the callbacks that are owed still come. */
static void end(struct dial *dial) {
  dial->done = NULL;
  for (size_t i = 0; i < dial->begun; i++) give_up(&dial->attempts[i]);
  if (dial->secured) dial->secured->ops->close(dial->secured);
  dial->secured = NULL;
  uv_cancel((uv_req_t *)&dial->lookup);
  uv_close((uv_handle_t *)&dial->timer, on_timer_closed);
}

void dial_cancel(struct dial *dial) {
  end(dial);
}

static void succeed(struct dial *dial, struct transport *transport) {
  dial_done done = dial->done;
  void *owner = dial->owner;
  end(dial);
  done(owner, transport, 0, NULL);
}

static const char *explain(const struct dial *dial, int error) {
  if (dial->why) return dial->why;
  switch (error) {
  case UV_ETIMEDOUT:
    if (dial->secured) return "TLS was not agreed on in time";
    return dial->count ? "no answer in time" : "the name was not found in time";
  case UV_EAI_NONAME: return "there is no such name";
  default: return uv_strerror(error);
  }
}

static void describe(const struct dial *dial, int error, char *text,
                     size_t size) {
  const char *why = explain(dial, error);
  if (dial->is_pipe)
    snprintf(text, size, "%s: %s", dial->name, why);
  else if (dial->tried[0] && strcmp(dial->tried, dial->name) != 0)
    snprintf(text, size, "%s port %d (%s): %s", dial->name, dial->port,
             dial->tried, why);
  else
    snprintf(text, size, "%s port %d: %s", dial->name, dial->port, why);
}

static void fail(struct dial *dial, int error) {
  char reason[512];
  dial_done done = dial->done;
  void *owner = dial->owner;
  describe(dial, error, reason, sizeof reason);
  end(dial);
  done(owner, NULL, error, reason);
}

static void note_failure(struct dial *dial, size_t index, int error) {
  struct sockaddr *name = (struct sockaddr *)&dial->addresses[index];
  dial->error = error;
  if (dial->is_pipe) return;
  struct address address = address_of(name);
  address_format(&address, dial->tried);
}

/* ---- TLS: the transport is the dial's until it is open or has closed */

static size_t tls_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void tls_read(void *owner, uint8_t *bytes, size_t length) {
  (void)owner; /* nothing comes before it is open */
  (void)bytes;
  (void)length;
}

static void tls_ended(void *owner, int error) {
  struct dial *dial = owner;
  (void)error; /* `why` says more */
  if (!dial->secured) return;
  dial->why = dial->secured->ops->why(dial->secured);
  fail(dial, UV_ECONNABORTED);
}

static void tls_written(void *owner, int error) {
  (void)owner; /* nothing is written before it is open */
  (void)error;
}

static void tls_closed(void *owner) {
  release(owner);
}

static void tls_opened(void *owner) {
  struct dial *dial = owner;
  struct transport *transport = dial->secured;
  transport->ops->stop_reading(transport);
  transport->events = NULL; /* it is whose `done` makes it */
  transport->owner = NULL;
  dial->secured = NULL;
  succeed(dial, transport);
  release(dial);
}

static const struct transport_events tls_events = {
    .space = tls_space,
    .read = tls_read,
    .ended = tls_ended,
    .written = tls_written,
    .closed = tls_closed,
    .opened = tls_opened,
};

static void set_timer(struct dial *dial, bool is_more);

/* One address has answered: it is that one, whatever its TLS says. */
static void secure(struct dial *dial, struct transport *below) {
  struct transport *transport =
      tls_client_wrap(dial->tls, below, dial->server_name);
  if (!transport) {
    below->ops->close(below);
    fail(dial, UV_ENOMEM);
    return;
  }
  for (size_t i = 0; i < dial->begun; i++) give_up(&dial->attempts[i]);
  dial->owed++;
  dial->begun = dial->count;
  dial->secured = transport;
  transport->events = &tls_events;
  transport->owner = dial;
  set_timer(dial, false);
  int error = transport->ops->start_reading(transport);
  if (!error) return;
  dial->why = transport->ops->why(transport);
  fail(dial, UV_ECONNABORTED);
}

/* ---- one address after the other */

/* In the network of a test it can be made bad. */
static struct transport *impairable(struct dial *dial,
                                    struct transport *transport) {
  struct virtual_network *network = dial->is_here ? dial->loop->network : NULL;
  if (!network) return transport;
  return impairment_new(transport, network->clock, &network->impairments);
}

static void answered(struct dial *dial, struct transport *transport) {
  transport = impairable(dial, transport);
  if (!transport)
    fail(dial, UV_ENOMEM);
  else if (dial->tls)
    secure(dial, transport);
  else
    succeed(dial, transport);
}

static void try_next(struct dial *dial);

static void on_connected(uv_connect_t *request, int error) {
  struct attempt *attempt = (struct attempt *)request;
  struct dial *dial = attempt->dial;
  if (dial->done && attempt->transport) {
    if (!error) {
      struct transport *transport = attempt->transport;
      attempt->transport = NULL;
      answered(dial, transport);
    } else {
      note_failure(dial, (size_t)(attempt - dial->attempts), error);
      give_up(attempt);
      try_next(dial);
    }
  }
  release(dial);
}

static int connect_to(struct dial *dial, struct attempt *attempt,
                      union stream_handle *handle, struct sockaddr *name) {
  if (dial->is_pipe) {
    uv_pipe_connect(&attempt->request, &handle->pipe, dial->name, on_connected);
    return 0;
  }
  return uv_tcp_connect(&attempt->request, &handle->tcp, name, on_connected);
}

/* The last descriptors are for saying 503. */
static int begin(struct dial *dial, size_t index) {
  struct attempt *attempt = &dial->attempts[index];
  struct sockaddr *name = (struct sockaddr *)&dial->addresses[index];
  union stream_handle *handle;
  attempt->dial = dial;
  attempt->transport =
      stream_new(dial->loop, dial->is_pipe ? STREAM_PIPE : STREAM_TCP, &handle);
  if (!attempt->transport) return UV_ENOMEM;
  dial->trying++;
  int error = connect_to(dial, attempt, handle, name);
  if (!error) {
    dial->owed++;
    if (stream_is_last(attempt->transport)) error = UV_EMFILE;
  }
  if (error) give_up(attempt);
  return error;
}

static void on_time(uv_timer_t *timer);

static void set_timer(struct dial *dial, bool is_more) {
  uint64_t now = uv_now(&dial->loop->uv);
  uint64_t left = dial->deadline > now ? dial->deadline - now : 0;
  if (is_more && left > DIAL_STAGGER) left = DIAL_STAGGER;
  uv_timer_start(&dial->timer, on_time, left, 0);
}

/* Those that cannot even be begun are passed over. */
static void try_next(struct dial *dial) {
  int error = UV_EAI_NODATA;
  while (dial->begun < dial->count && error) {
    size_t index = dial->begun++;
    error = begin(dial, index);
    if (error) note_failure(dial, index, error);
  }
  if (error && dial->trying == 0)
    fail(dial, dial->error ? dial->error : error);
  else
    set_timer(dial, dial->begun < dial->count);
}

static bool is_here(const struct dial *dial) {
  const struct virtual_network *network = dial->loop->network;
  return network && !dial->is_pipe && virtual_network_has(network, dial->port);
}

static void connect_here(struct dial *dial) {
  struct transport *transport = NULL;
  if (!is_here(dial)) { /* any more */
    fail(dial, UV_ECONNREFUSED);
    return;
  }
  transport = virtual_network_connect(dial->loop->network, dial->port);
  if (transport)
    answered(dial, transport);
  else
    fail(dial, UV_ENOMEM);
}

static void on_time(uv_timer_t *timer) {
  struct dial *dial = timer->data;
  if (dial->error && dial->count == 0) {
    fail(dial, dial->error);
  } else if (dial->is_here && !dial->is_live && !dial->secured) {
    connect_here(dial);
  } else if (uv_now(timer->loop) >= dial->deadline) {
    if (dial->begun > 0 && !dial->secured)
      note_failure(dial, dial->begun - 1, UV_ETIMEDOUT);
    fail(dial, UV_ETIMEDOUT);
  } else {
    try_next(dial);
  }
}

/* Goes on soon: `done` is not called from inside dial_start. */
static void go_on_later(struct dial *dial, int error) {
  dial->error = error;
  dial->count = error ? 0 : 1;
  uv_timer_start(&dial->timer, on_time, 0, 0);
}

static void add_address(struct dial *dial, const struct addrinfo *found) {
  if (dial->count == DIAL_ADDRESSES_MAX) return;
  memcpy(&dial->addresses[dial->count++], found->ai_addr, found->ai_addrlen);
}

static const struct addrinfo *next_of(const struct addrinfo *found, int family,
                                      bool is_same) {
  while (found && (found->ai_family == family) != is_same)
    found = found->ai_next;
  return found;
}

/* The order that the system gives (RFC 6724), families taking turns. */
static void add_addresses(struct dial *dial, const struct addrinfo *found) {
  int family = found->ai_family;
  const struct addrinfo *first = found, *other = next_of(found, family, false);
  while (first || other) {
    if (first) {
      add_address(dial, first);
      first = next_of(first->ai_next, family, true);
    }
    if (other) {
      add_address(dial, other);
      other = next_of(other->ai_next, family, false);
    }
  }
}

static void on_found(uv_getaddrinfo_t *lookup, int error,
                     struct addrinfo *found) {
  struct dial *dial = lookup->data;
  if (dial->done) {
    if (error) {
      fail(dial, error);
    } else {
      add_addresses(dial, found);
      try_next(dial);
    }
  }
  if (found) uv_freeaddrinfo(found);
  release(dial);
}

static void look_up(struct dial *dial) {
  char service[8];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  snprintf(service, sizeof service, "%d", dial->port);
  int error = uv_getaddrinfo(&dial->loop->uv, &dial->lookup, on_found,
                             dial->name, service, &hints);
  if (error) {
    go_on_later(dial, error);
    return;
  }
  dial->owed++;
  set_timer(dial, false);
}

/* An IP address needs no lookup, and so no thread. */
static bool is_ip(struct dial *dial) {
  struct sockaddr_storage *to = &dial->addresses[0];
  const char *name = dial->is_here ? "127.0.0.1" : dial->name;
  return uv_ip4_addr(name, dial->port, (struct sockaddr_in *)to) == 0 ||
         uv_ip6_addr(name, dial->port, (struct sockaddr_in6 *)to) == 0;
}

static int check(const struct dial *dial) {
  size_t length = strlen(dial->name);
  if (length == 0) return UV_EINVAL;
  if (!dial->is_pipe) {
    return dial->port < 1 || dial->port > 65535 ? UV_EINVAL : 0;
  }
  /* libuv would cut it. */
  bool fits = length < sizeof((struct sockaddr_un *)0)->sun_path;
  return fits ? 0 : UV_ENAMETOOLONG;
}

/* What the certificate must be for: a unix socket has no name of its own. */
static const char *name_of_server(const struct dial_target *target) {
  if (target->server_name) return target->server_name;
  return target->host ? target->host : "localhost";
}

/* 0 or a negative errno. */
static int prepare_tls(struct dial *dial, const struct dial_target *target) {
  char error[TLS_ERROR_MAX];
  if (!target->is_secure) return 0;
  dial->tls = tls_client_config(&target->tls, error);
  if (dial->tls) return 0;
  size_t size = strlen(error) + 1;
  dial->text = mem_alloc(size);
  if (!dial->text) return UV_ENOMEM;
  dial->why = memcpy(dial->text, error, size);
  return UV_EINVAL;
}

static struct dial *new_dial(const struct dial_target *target) {
  const char *name = target->path ? target->path : target->host;
  const char *server_name = name_of_server(target);
  size_t size = strlen(name) + 1, more = strlen(server_name) + 1;
  struct dial *dial = mem_alloc_zeroed(1, sizeof *dial + size + more);
  if (!dial) return NULL;
  memcpy(dial->name, name, size);
  memcpy(dial->name + size, server_name, more);
  dial->server_name = dial->name + size;
  return dial;
}

struct dial *dial_start(struct loop *loop, const struct dial_target *target,
                        uint32_t timeout, dial_done done, void *owner) {
  struct dial *dial = new_dial(target);
  if (!dial) return NULL;
  dial->loop = loop;
  dial->done = done;
  dial->owner = owner;
  dial->port = target->port;
  dial->is_pipe = target->path != NULL;
  dial->is_here = is_here(dial);
  dial->is_live = dial->is_here && loop->network->is_live;
  dial->owed = 1;
  dial->lookup.data = dial;
  uv_timer_init(&loop->uv, &dial->timer);
  dial->timer.data = dial;
  uv_update_time(&loop->uv);
  dial->deadline = uv_now(&loop->uv) + timeout;
  int error = check(dial);
  if (!error) error = prepare_tls(dial, target);
  if (error || dial->is_pipe || is_ip(dial))
    go_on_later(dial, error);
  else
    look_up(dial);
  return dial;
}
