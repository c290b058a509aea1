/*
 * listen - core.listen: a listener, and the Lua function or the component that
 * what it accepts is given to.
 */
#include "base/log.h"
#include "base/mem.h"
#include "internal.h"
#include "net/handed.h"
#include "proto/lesson.h"

/* Owned by the script. Connections refer to it until they end: one whose
 * listener is closed, or is another's by now, is freed when none does. */
struct script_service {
  struct service base;
  struct list link;
  struct script *script;
  struct listener *listener;
  struct tls_server *tls; /* NULL: it is not over TLS */
  uint64_t id;            /* Lua's name for the listener */
  int handle;             /* held: the function, or LUA_NOREF on a raw one */
};

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

static void on_accepted(void *owner, struct transport *transport) {
  struct script_service *service = owner;
  server_accept(service->script->server, &service->base, transport);
}

/* ---- core.listen{ ... } */

static int integer_field(lua_State *L, const char *name, int otherwise) {
  lua_getfield(L, 1, name);
  int value = otherwise;
  if (!lua_isnil(L, -1)) {
    if (!lua_isnumber(L, -1)) luaL_error(L, "%s must be a number", name);
    value = (int)lua_tointeger(L, -1);
  }
  lua_pop(L, 1);
  return value;
}

/* The string stays alive in the options table. */
static const char *text_field(lua_State *L, const char *name,
                              const char *otherwise) {
  lua_getfield(L, 1, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "%s must be a string", name);
    }
    otherwise = lua_tostring(L, -1);
  }
  lua_pop(L, 1);
  return otherwise;
}

/* Seconds in Lua, milliseconds in C. */
static uint32_t header_timeout(lua_State *L) {
  lua_getfield(L, 1, "headerTimeout");
  double seconds = luaL_optnumber(L, -1, SERVICE_HEADER_TIMEOUT / 1000.0);
  lua_pop(L, 1);
  if (!(seconds > 0 && seconds <= 86400)) {
    luaL_error(L, "headerTimeout must be more than 0 seconds");
  }
  return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

static size_t max_header_size(lua_State *L) {
  int size = integer_field(L, "maxHeaderSize", SERVICE_MAX_HEADER_SIZE);
  if (size < 256) luaL_error(L, "maxHeaderSize must be 256 bytes or more");
  return (size_t)size;
}

static size_t max_body_size(lua_State *L) {
  int size = integer_field(L, "maxBodySize", SERVICE_MAX_BODY_SIZE);
  if (size < 0) luaL_error(L, "maxBodySize must be 0 bytes or more");
  return (size_t)size;
}

static bool has_proxy_header(lua_State *L) {
  lua_getfield(L, 1, "proxyProtocol");
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) {
    luaL_error(L, "proxyProtocol must be true or false");
  }
  bool is_wanted = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_wanted;
}

/* 0: not given. */
static size_t max_connections(lua_State *L) {
  int most = integer_field(L, "maxConnections", 0);
  lua_getfield(L, 1, "maxConnections");
  if (most < 0 || (most == 0 && !lua_isnil(L, -1))) {
    luaL_error(L, "maxConnections must be 1 or more");
  }
  lua_pop(L, 1);
  return (size_t)most;
}

static uint32_t max_per_address(lua_State *L) {
  int most = integer_field(L, "maxConnectionsPerAddress", 0);
  if (most < 0) luaL_error(L, "maxConnectionsPerAddress must be 0 or more");
  return (uint32_t)most;
}

/* The entry at the top of the stack; pops it. */
static struct network network_at_top(lua_State *L) {
  struct network network;
  struct slice text = {NULL, 0};
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "trustedProxies must be a list of strings");
  }
  text.at = lua_tolstring(L, -1, &text.length);
  if (!network_parse(text, &network)) {
    luaL_error(L,
               "trustedProxies: \"%s\" is neither an address nor a network, "
               "such as \"127.0.0.1\", \"10.0.0.0/8\" or \"fd00::/8\"",
               text.at);
  }
  lua_pop(L, 1);
  return network;
}

/* The service owns what it has read already, whatever is raised. */
static void read_trusted(lua_State *L, struct networks *trusted) {
  lua_getfield(L, 1, "trustedProxies");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, -1)) luaL_error(L, "trustedProxies must be a list");
  size_t count = lua_objlen(L, -1);
  if (count > 0) trusted->list = mem_alloc(count * sizeof *trusted->list);
  if (count > 0 && !trusted->list) {
    luaL_error(L, "out of memory");
    return;
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    trusted->list[i] = network_at_top(L);
    trusted->count = i + 1;
  }
  lua_pop(L, 1);
}

/* The server's limit is the lowest that any listener asks for. */
static void lower_limit(struct server *server, size_t most) {
  if (most > 0 && most < server->max_connections) {
    server->max_connections = most;
  }
}

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

/* What it has of Lua's. */
static void release_service(struct script_service *service) {
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

/* Descriptors are given once: a second owner would close it under the first.
 */
static bool is_served(const struct script *script, int fd) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct listener *listener = owner_of(link)->listener;
    if (listener && listener_descriptor(listener) == fd) return true;
  }
  return false;
}

static int open_tcp(lua_State *L, struct script *script,
                    struct script_service *service) {
  const char *host = text_field(L, "address", "127.0.0.1");
  int port = integer_field(L, "port", 0);
  unsigned options = 0;
  lua_getfield(L, 1, "ipv6Only");
  if (lua_toboolean(L, -1)) options |= LISTENER_SIX_ONLY;
  lua_getfield(L, 1, "reusePort");
  if (lua_toboolean(L, -1)) options |= LISTENER_SHARED;
  lua_pop(L, 2);
  return listener_open_tcp(script->loop, host, port, options, on_accepted,
                           service, &service->listener);
}

static int open_listener(lua_State *L, struct script *script,
                         struct script_service *service) {
  const char *path = text_field(L, "path", NULL);
  int fd = integer_field(L, "fd", -1);
  if (fd >= 0) {
    if (is_served(script, fd)) return UV_EEXIST;
    return listener_open_descriptor(script->loop, fd, on_accepted, service,
                                    &service->listener);
  }
  if (!path) return open_tcp(L, script, service);
  return listener_open_pipe(script->loop, path, integer_field(L, "mode", -1),
                            on_accepted, service, &service->listener);
}

static int push_failure(lua_State *L, int error) {
  lua_pushnil(L);
  lua_pushstring(L, uv_strerror(error));
  lua_pushstring(L, uv_err_name(error));
  return 3;
}

/* Sets the fields address and port, or path, of the table on the top. */
static void set_bound(lua_State *L, const struct bound *bound) {
  char address[ADDRESS_TEXT_MAX];
  if (bound->address.family == 0) {
    script_set_text(L, "path", slice_of(bound->path));
    return;
  }
  address_format(&bound->address, address);
  script_set_text(L, "address", slice_of(address));
  lua_pushinteger(L, bound->address.port);
  lua_setfield(L, -2, "port");
}

/* A name that was asked for is kept as it is. */
static int push_listener(lua_State *L, const struct script_service *service) {
  struct bound bound = listener_bound(service->listener);
  lua_createtable(L, 0, 3);
  set_bound(L, &bound);
  lua_pushnumber(L, (lua_Number)service->id);
  lua_setfield(L, -2, "id");
  if (bound.address.family == 0) return 1;
  lua_getfield(L, 1, "address");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
  } else {
    lua_setfield(L, -2, "address");
  }
  return 1;
}

/* As push_failure; false when it has none to push. */
static bool fails_to_secure(lua_State *L, struct script *script,
                            struct script_service *service) {
  char error[TLS_ERROR_MAX];
  service->tls = secure_read(L, script, error);
  if (service->tls) service->base.secure = on_secure;
  if (service->tls || !*error) return false;
  lua_pushnil(L);
  lua_pushstring(L, error);
  lua_pushliteral(L, "TLS");
  return true;
}

/* What may be raised of the numbers is raised before anything is allocated. */
static struct service read_service(lua_State *L) {
  return (struct service){
      .request = on_request,
      .refused = on_refused,
      .header_timeout = header_timeout(L),
      .max_header_size = max_header_size(L),
      .max_body_size = max_body_size(L),
      .max_per_address = max_per_address(L),
      .has_proxy_header = has_proxy_header(L),
  };
}

void script_push_handed(lua_State *L) {
  struct bound bound;
  lua_newtable(L);
  int count = handed_count();
  for (int i = 0; i < count; i++) {
    if (bound_of(HANDED_FIRST + i, &bound) != 0) continue;
    lua_createtable(L, 0, 4);
    set_bound(L, &bound);
    script_set_text(L, "name", handed_name(i));
    lua_pushinteger(L, HANDED_FIRST + i);
    lua_setfield(L, -2, "fd");
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
  }
}

void script_report_handed(const struct script *script) {
  struct bound bound;
  int count = handed_count();
  for (int i = 0; i < count; i++) {
    int fd = HANDED_FIRST + i;
    if (bound_of(fd, &bound) != 0 || is_served(script, fd)) continue;
    struct slice name = handed_name(i);
    log_printf(LOG_WARN,
               "descriptor %d (%.*s) was handed over, and the app does not "
               "listen on it",
               fd, (int)name.length, name.at);
  }
}

/* A service as the table at 1 has it, without a listener yet. From here on the
 * script owns it, whatever is raised. */
static struct script_service *new_service(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  struct service base = read_service(L);
  struct script_service *service = mem_alloc_zeroed(1, sizeof *service);
  if (!service) {
    luaL_error(L, "out of memory");
    return NULL;
  }
  service->base = base;
  service->script = script;
  service->handle = LUA_NOREF;
  list_append(&script->services, &service->link);
  read_trusted(L, &service->base.trusted);
  read_served(L, script, service);
  return service;
}

int script_listen(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t most = max_connections(L);
  struct script_service *service = new_service(L);
  bool is_insecure = fails_to_secure(L, script, service);
  int error = is_insecure ? 0 : open_listener(L, script, service);
  if (!error && !is_insecure) {
    service->id = ++script->last_listener;
    lower_limit(script->server, most);
    return push_listener(L, service);
  }
  release_service(service);
  free_service(service);
  return is_insecure ? 3 : push_failure(L, error);
}

/* ---- addresses that come, go and change while others are served */

static bool is_used(const struct script_service *service) {
  const struct server *server = service->script->server;
  struct list *link = server->connections.next;
  for (; link != &server->connections; link = link->next) {
    struct connection *conn = OWNER_OF(link, struct connection, in_server);
    if (conn->service == &service->base) return true;
  }
  return false;
}

static void free_unused(struct script *script) {
  struct list *link = script->services.next, *next;
  for (; link != &script->services; link = next) {
    struct script_service *service = owner_of(link);
    next = link->next;
    if (service->listener || is_used(service)) continue;
    release_service(service);
    free_service(service);
  }
}

static struct script_service *check_listener(lua_State *L, int index) {
  struct script *script = script_of(L);
  uint64_t id = (uint64_t)luaL_checknumber(L, index);
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    struct script_service *service = owner_of(link);
    if (service->listener && service->id == id) return service;
  }
  luaL_argerror(L, index, "no listener has this id");
  return NULL;
}

/* unlisten(id) */
int script_unlisten(lua_State *L) {
  struct script_service *service = check_listener(L, 1);
  listener_close(service->listener);
  service->listener = NULL;
  free_unused(service->script);
  return 0;
}

/* serve(id, options): what is accepted from here on is served so; without an id
 * the options are only looked at. */
int script_serve(lua_State *L) {
  struct script *script = script_of(L);
  struct script_service *before = NULL;
  if (!lua_isnil(L, 1)) before = check_listener(L, 1);
  lua_remove(L, 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t most = max_connections(L);
  struct script_service *service = new_service(L);
  if (fails_to_secure(L, script, service)) {
    free_unused(script);
    return 3;
  }
  if (before) {
    service->listener = before->listener;
    service->id = before->id;
    before->listener = NULL;
    listener_give(service->listener, service);
    lower_limit(script->server, most);
  }
  free_unused(script);
  lua_pushboolean(L, 1);
  return 1;
}

bool script_is_listening(const struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    if (owner_of(link)->listener) return true;
  }
  return false;
}

void script_close_listeners(struct script *script) {
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

/* Before the Lua state goes: raw endpoints are released here. */
void script_drop_services(struct script *script) {
  struct list *link = script->services.next;
  for (; link != &script->services; link = link->next) {
    release_service(owner_of(link));
  }
}

void script_free_services(struct script *script) {
  while (!list_is_empty(&script->services)) {
    free_service(owner_of(script->services.next));
  }
}

void script_forget_services(struct script *script) {
  script_close_listeners(script);
  free_unused(script);
}
