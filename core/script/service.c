/*
 * service - what the connections of a listener are given to. It tells a request
 * to its function, has others speak TLS first, and outlives its listener for as
 * long as there are connections of it.
 */
#include "service.h"

#include "base/list.h"
#include "base/log.h"
#include "base/log_rate.h"
#include "base/mem.h"
#include "call.h"
#include "endpoint.h"
#include "event.h"
#include "net/listener.h"
#include "net/tls_server.h"
#include "proto/lesson.h"
#include "request.h"
#include "secure.h"
#include "server/connection.h"
#include "server/server.h"
#include "service_options.h"
#include "state.h"
#include "strand.h"

#include <lauxlib.h>
#include <lua.h>

static struct script_service *service_of(struct service *base) {
  return (struct script_service *)base;
}

static struct script_service *owner_of(struct list *link) {
  return OWNER_OF(link, struct script_service, link);
}

struct asked {
  struct script *script;
  struct connection *conn;
  const struct http_head *head;
  int request;
};

static int make_request(lua_State *L) {
  struct asked *asked = lua_touserdata(L, 1);
  request_push(asked->script, L, asked->conn, asked->head);
  asked->request = script_hold(asked->script, L);
  return 0;
}

static void on_request(struct service *base, struct connection *conn,
                       const struct http_head *head) {
  struct script_service *service = service_of(base);
  struct asked asked = {service->script, conn, head, LUA_NOREF};
  if (!script_protect(service->script, make_request, &asked, "request")) {
    request_failed(conn);
    return;
  }
  struct event event = {.kind = EVENT_REQUEST,
                        .conn = conn,
                        .value = asked.request,
                        .function = service->handle};
  strand_deliver(service->script, &event);
}

/* What no request preceded costs the peer next to nothing. */
static void log_closed(struct script *script, const char *address,
                       const char *reason) {
  uint32_t left_out;
  uint64_t now = clock_now(&script->loop->clock);
  bool is_shown = log_rate_allows(&script->refusals, now, &left_out);
  if (left_out > 0) {
    log_printf(LOG_INFO, "%u more connections failed before a request",
               (unsigned)left_out);
  }
  if (!is_shown) return;
  log_printf(LOG_INFO, "%s: %s%s%s", address, reason, lesson_joint(reason),
             lesson_of(reason));
}

static void on_refused(struct service *base, struct connection *conn,
                       const struct refusal *refusal) {
  char address[ADDRESS_TEXT_MAX];
  address_format(connection_client(conn), address);
  const char *reason = refusal->reason;
  if (refusal->status == 0)
    log_closed(service_of(base)->script, address, reason);
  else
    log_printf(LOG_INFO, "%d to %s: %s%s%s", refusal->status, address, reason,
               lesson_joint(reason), lesson_of(reason));
}

static struct transport *on_secure(struct service *base,
                                   struct transport *below) {
  return tls_server_wrap(service_of(base)->tls, below);
}

void service_accept(void *owner, struct transport *transport) {
  struct script_service *service = owner;
  server_accept(service->script->server, &service->base, transport);
}

/* ---- how it begins */

static void read_served(lua_State *L, struct script *script,
                        struct script_service *service) {
  lua_getfield(L, 1, "endpoint");
  struct script_endpoint *endpoint = script_to_endpoint(L, -1);
  lua_getfield(L, 1, "handle");
  if (endpoint) {
    service->base.raw = endpoint_hold(&endpoint->base);
  } else if (lua_isfunction(L, -1)) {
    service->handle = script_hold(script, L);
    return;
  } else {
    luaL_error(L, "listen: an endpoint or a handle function is expected");
  }
}

/* What may be raised of the numbers is raised before anything is allocated. */
static struct service new_base(lua_State *L) {
  struct service base = service_read_options(L);
  base.request = on_request;
  base.refused = on_refused;
  return base;
}

struct script_service *service_new(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  struct service base = new_base(L);
  struct script_service *service = mem_alloc_zeroed(1, sizeof *service);
  if (!service) {
    luaL_error(L, "out of memory");
    return NULL;
  }
  service->base = base;
  service->script = script;
  service->handle = LUA_NOREF;
  list_append(&script->services, &service->link);
  service_read_trusted(L, &service->base.trusted);
  read_served(L, script, service);
  return service;
}

bool service_secure(struct script_service *service, lua_State *L,
                    char error[TLS_ERROR_MAX]) {
  service->tls = secure_read(L, service->script, error);
  if (service->tls) service->base.secure = on_secure;
  return service->tls || !*error;
}

/* ---- how it ends */

/* What it has of Lua's. */
static void release(struct script_service *service) {
  script_release(service->script, service->handle);
  service->handle = LUA_NOREF;
  if (service->base.raw) endpoint_drop(service->base.raw);
  service->base.raw = NULL;
}

static void free_service(struct script_service *service) {
  list_remove(&service->link);
  if (service->listener) listener_close(service->listener);
  if (service->tls) tls_server_free(service->tls);
  mem_free(service->base.trusted.list);
  mem_free(service);
}

void service_drop(struct script_service *service) {
  release(service);
  free_service(service);
}

static bool is_used(const struct script_service *service) {
  const struct server *server = service->script->server;
  struct list *link = server->connections.next;
  for (; link != &server->connections; link = link->next) {
    struct connection *conn = OWNER_OF(link, struct connection, in_server);
    if (conn->service == &service->base) return true;
  }
  return false;
}

void services_free_unused(struct script *script) {
  struct list *link = script->services.next, *next;
  for (; link != &script->services; link = next) {
    struct script_service *service = owner_of(link);
    next = link->next;
    if (!service->listener && !is_used(service)) service_drop(service);
  }
}

/* ---- all of them */

struct script_service *service_find(const struct script *script, uint64_t id) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct script_service *service = owner_of(link);
    if (service->listener && service->id == id) return service;
  }
  return NULL;
}

bool services_have_descriptor(const struct script *script, int fd) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct listener *listener = owner_of(link)->listener;
    if (listener && listener_descriptor(listener) == fd) return true;
  }
  return false;
}

bool script_is_listening(const struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    if (owner_of(link)->listener) return true;
  }
  return false;
}

void script_stop_listening(struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct script_service *service = owner_of(link);
    if (service->listener) listener_close(service->listener);
    service->listener = NULL;
    if (service->tls) tls_server_unwatch(service->tls);
  }
}

void script_reload_certificates(struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct tls_server *tls = owner_of(link)->tls;
    if (tls) tls_server_reload(tls);
  }
}

void services_release(struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    release(owner_of(link));
  }
}

void services_free(struct script *script) {
  while (!list_is_empty(&script->services)) {
    free_service(owner_of(script->services.next));
  }
}

void services_forget(struct script *script) {
  script_stop_listening(script);
  services_free_unused(script);
}
