/*
 * The course of a dial: look up, try one address after the other, agree on TLS
 * with the first that answers.
 *
 *   look_up --> try_next --> on_connected --> answered --> secure --> succeed
 *      |           ^  |            |                         |
 *      |           '--' failed, or silent for DIAL_STAGGER   |
 *      '-----------------> none is left, or no time ---------'--> fail
 */
#include "base/mem.h"
#include "dial_internal.h"
#include "impairment.h"
#include "stream.h"
#include "tls_client.h"
#include "virtual_network.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

void dial_release(struct dial *dial) {
  if (--dial->owed > 0) return;
  if (dial->tls) tls_client_drop(dial->tls);
  mem_free(dial->text);
  mem_free(dial);
}

static void on_timer_closed(uv_handle_t *handle) {
  dial_release(handle->data);
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

void dial_succeed(struct dial *dial, struct transport *transport) {
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
    return dial->addresses.count ? "no answer in time"
                                 : "the name was not found in time";
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

void dial_fail(struct dial *dial, int error) {
  char reason[512];
  dial_done done = dial->done;
  void *owner = dial->owner;
  describe(dial, error, reason, sizeof reason);
  end(dial);
  done(owner, NULL, error, reason);
}

static void note_failure(struct dial *dial, size_t index, int error) {
  struct sockaddr *name = (struct sockaddr *)&dial->addresses.list[index];
  dial->error = error;
  if (dial->is_pipe) return;
  struct address address = address_of(name);
  address_format(&address, dial->tried);
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
    dial_fail(dial, UV_ENOMEM);
  else if (dial->tls)
    dial_secure(dial, transport);
  else
    dial_succeed(dial, transport);
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
  dial_release(dial);
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
  struct sockaddr *name = (struct sockaddr *)&dial->addresses.list[index];
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
  while (dial->begun < dial->addresses.count && error) {
    size_t index = dial->begun++;
    error = begin(dial, index);
    if (error) note_failure(dial, index, error);
  }
  if (error && dial->trying == 0)
    dial_fail(dial, dial->error ? dial->error : error);
  else
    set_timer(dial, dial->begun < dial->addresses.count);
}

void dial_settle(struct dial *dial) {
  for (size_t i = 0; i < dial->begun; i++) give_up(&dial->attempts[i]);
  dial->begun = dial->addresses.count;
  set_timer(dial, false);
}

static bool is_here(const struct dial *dial) {
  const struct virtual_network *network = dial->loop->network;
  return network && !dial->is_pipe && virtual_network_has(network, dial->port);
}

static void connect_here(struct dial *dial) {
  struct transport *transport = NULL;
  if (!is_here(dial)) { /* any more */
    dial_fail(dial, UV_ECONNREFUSED);
    return;
  }
  transport = virtual_network_connect(dial->loop->network, dial->port);
  if (transport)
    answered(dial, transport);
  else
    dial_fail(dial, UV_ENOMEM);
}

static void on_time(uv_timer_t *timer) {
  struct dial *dial = timer->data;
  if (dial->error && dial->addresses.count == 0) {
    dial_fail(dial, dial->error);
  } else if (dial->is_here && !dial->is_live && !dial->secured) {
    connect_here(dial);
  } else if (uv_now(timer->loop) >= dial->deadline) {
    if (dial->begun > 0 && !dial->secured)
      note_failure(dial, dial->begun - 1, UV_ETIMEDOUT);
    dial_fail(dial, UV_ETIMEDOUT);
  } else {
    try_next(dial);
  }
}

/* Goes on soon: `done` is not called from inside dial_start. */
static void go_on_later(struct dial *dial, int error) {
  dial->error = error;
  dial->addresses.count = error ? 0 : 1;
  uv_timer_start(&dial->timer, on_time, 0, 0);
}

static void on_found(uv_getaddrinfo_t *lookup, int error,
                     struct addrinfo *found) {
  struct dial *dial = lookup->data;
  if (dial->done) {
    if (error) {
      dial_fail(dial, error);
    } else {
      addresses_take(&dial->addresses, found);
      try_next(dial);
    }
  }
  if (found) uv_freeaddrinfo(found);
  dial_release(dial);
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
  const char *name = dial->is_here ? "127.0.0.1" : dial->name;
  return addresses_parse(&dial->addresses, name, dial->port);
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
  if (!error) error = dial_prepare_tls(dial, target);
  if (error || dial->is_pipe || is_ip(dial))
    go_on_later(dial, error);
  else
    look_up(dial);
  return dial;
}
