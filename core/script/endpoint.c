/*
 * endpoint - a Lua component as the server sees it: its limits, and its events
 * turned into strand events.
 */
#include "endpoint.h"

#include "base/mem.h"
#include "class.h"
#include "event.h"
#include "state.h"
#include "strand.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>

static const char endpoint_name[] = "ratchet.Endpoint";

static struct script *script_of_endpoint(struct endpoint *endpoint) {
  return ((struct script_endpoint *)endpoint)->script;
}

static void tell(struct endpoint *endpoint, struct event event) {
  strand_deliver(script_of_endpoint(endpoint), &event);
}

static void on_open(struct endpoint *endpoint, struct connection *conn) {
  struct script *script = script_of_endpoint(endpoint);
  int request = LUA_NOREF;
  if (script->opening == conn) request = script->opening_request;
  tell(endpoint,
       (struct event){.kind = EVENT_OPEN, .conn = conn, .value = request});
}

static void on_message(struct endpoint *endpoint, struct connection *conn,
                       struct slice message, bool is_binary) {
  tell(endpoint, (struct event){.kind = EVENT_MESSAGE,
                                .conn = conn,
                                .value = LUA_NOREF,
                                .data = message,
                                .has_data = true,
                                .is_binary = is_binary});
}

static void on_control(struct endpoint *endpoint, struct connection *conn,
                       enum opcode opcode, struct slice data) {
  tell(endpoint,
       (struct event){.kind = opcode == OP_PING ? EVENT_PING : EVENT_PONG,
                      .conn = conn,
                      .value = LUA_NOREF,
                      .data = data,
                      .has_data = true});
}

static void on_drain(struct endpoint *endpoint, struct connection *conn) {
  tell(endpoint,
       (struct event){.kind = EVENT_DRAIN, .conn = conn, .value = LUA_NOREF});
}

static void on_close(struct endpoint *endpoint, struct connection *conn,
                     int code, struct slice reason) {
  tell(endpoint, (struct event){.kind = EVENT_CLOSE,
                                .conn = conn,
                                .value = LUA_NOREF,
                                .code = code,
                                .data = reason,
                                .has_data = true});
}

static void on_unused(struct endpoint *base) {
  struct script_endpoint *endpoint = (struct script_endpoint *)base;
  script_release(endpoint->script, endpoint->component);
  mem_free(endpoint);
}

static const struct endpoint_events events = {
    .open = on_open,
    .message = on_message,
    .control = on_control,
    .drain = on_drain,
    .close = on_close,
    .unused = on_unused,
};

/* ---- core.endpoint(component, options) */

/* The option as a number in [0, most], or `otherwise` when it is not given. */
static double number_option(lua_State *L, const char *name, double otherwise,
                            double most) {
  double value = otherwise;
  lua_getfield(L, 2, name);
  if (!lua_isnil(L, -1)) {
    value = lua_tonumber(L, -1);
    if (!lua_isnumber(L, -1) || !(value >= 0) || value > most) {
      luaL_error(L, "option %s: a number from 0 to %d is expected", name,
                 (int)most);
    }
  }
  lua_pop(L, 1);
  return value;
}

static enum overflow overflow_option(lua_State *L) {
  static const char *const names[] = {"close", "drop", NULL};
  lua_getfield(L, 2, "overflow");
  int choice = luaL_checkoption(L, -1, "close", names);
  lua_pop(L, 1);
  return choice == 0 ? OVERFLOW_CLOSE : OVERFLOW_DROP;
}

static uint32_t time_option(lua_State *L, const char *name,
                            uint32_t otherwise) {
  return (uint32_t)(number_option(L, name, otherwise / 1000.0, 86400) * 1000);
}

/* A field of the table at the top: a whole number, or `otherwise`. */
static int deflate_number(lua_State *L, const char *name, int otherwise,
                          int least, int most) {
  lua_getfield(L, -1, name);
  double value = lua_isnil(L, -1) ? otherwise : lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (!(value >= least && value <= most) || value != (int)value) {
    luaL_error(L, "option deflate: %s is a whole number from %d to %d", name,
               least, most);
  }
  return (int)value;
}

/* "shared" or "dedicated" in a field of the table at the top. */
static bool is_dedicated(lua_State *L, const char *name) {
  static const char *const names[] = {"shared", "dedicated", NULL};
  lua_getfield(L, -1, name);
  int choice = luaL_checkoption(L, -1, "shared", names);
  lua_pop(L, 1);
  return choice == 1;
}

static void read_deflate_table(lua_State *L, struct deflate_settings *deflate) {
  deflate->level = deflate_number(L, "level", deflate->level, 1, 9);
  deflate->window_bits =
      (uint8_t)deflate_number(L, "windowBits", deflate->window_bits,
                              DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
  deflate->memory_level =
      (uint8_t)deflate_number(L, "memLevel", deflate->memory_level, 1, 9);
  deflate->threshold = (uint32_t)deflate_number(
      L, "threshold", (int)deflate->threshold, 0, 1 << 30);
  deflate->keeps_server_context = is_dedicated(L, "serverContext");
  deflate->keeps_client_context = is_dedicated(L, "clientContext");
}

static void read_deflate(lua_State *L, struct deflate_settings *deflate) {
  *deflate = deflate_settings_default;
  lua_getfield(L, 2, "deflate");
  deflate->is_wanted = lua_toboolean(L, -1);
  if (lua_istable(L, -1))
    read_deflate_table(L, deflate);
  else if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    luaL_error(L, "option deflate: true, false or a table is expected");
  lua_pop(L, 1);
}

static void read_limits(lua_State *L, struct limits *limits) {
  const struct limits *d = &limits_default;
  double most_bytes = 1024.0 * 1024 * 1024;
  limits->max_message_size = (uint64_t)number_option(
      L, "maxMessageSize", (double)d->max_message_size, most_bytes);
  limits->max_buffered_amount = (size_t)number_option(
      L, "maxBufferedAmount", (double)d->max_buffered_amount, most_bytes);
  limits->overflow = overflow_option(L);
  limits->keep_alive = time_option(L, "keepAlive", d->keep_alive);
  limits->close_timeout = time_option(L, "closeTimeout", d->close_timeout);
  limits->queue_events = (uint32_t)number_option(L, "maxQueuedMessages",
                                                 d->queue_events, most_bytes);
  limits->queue_bytes =
      (uint32_t)number_option(L, "maxQueuedAmount", d->queue_bytes, most_bytes);
  if (limits->close_timeout == 0) limits->close_timeout = 1; /* 0 is no timer */
  read_deflate(L, &limits->deflate);
}

static int collect_endpoint(lua_State *L) {
  struct script_endpoint **held = lua_touserdata(L, 1);
  if (*held) endpoint_drop(&(*held)->base);
  *held = NULL;
  return 0;
}

struct script_endpoint *script_to_endpoint(lua_State *L, int index) {
  struct script_endpoint **held = lua_touserdata(L, index);
  if (!held || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, endpoint_name);
  bool is_ours = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_ours ? *held : NULL;
}

/* Pushes a new endpoint of the component at index 1. */
static int push_new_endpoint(lua_State *L, const struct limits *limits) {
  struct script_endpoint **held = lua_newuserdata(L, sizeof *held);
  *held = NULL;
  luaL_getmetatable(L, endpoint_name);
  lua_setmetatable(L, -2);
  struct script *script = script_of(L);
  lua_pushvalue(L, 1);
  int component = script_hold(script, L);
  struct script_endpoint *endpoint = mem_alloc(sizeof *endpoint);
  if (!endpoint) {
    script_release(script, component);
    return luaL_error(L, "out of memory");
  }
  *endpoint = (struct script_endpoint){
      .base = {.events = &events, .limits = *limits, .references = 1},
      .script = script,
      .component = component,
  };
  *held = endpoint;
  return 1;
}

static void check_component(lua_State *L, int index) {
  luaL_argcheck(L, lua_istable(L, index) || lua_isuserdata(L, index), index,
                "a component is a table or a userdata");
}

static int script_new_endpoint(lua_State *L) {
  struct limits limits;
  check_component(L, 1);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  read_limits(L, &limits);
  return push_new_endpoint(L, &limits);
}

static struct script_endpoint *check_endpoint(lua_State *L) {
  struct script_endpoint *endpoint = script_to_endpoint(L, 1);
  if (!endpoint) luaL_typerror(L, 1, endpoint_name);
  return endpoint;
}

/* endpoint:getComponent() */
static int endpoint_component(lua_State *L) {
  struct script_endpoint *endpoint = check_endpoint(L);
  script_push_held(endpoint->script, L, endpoint->component);
  return 1;
}

/* endpoint:with(component): another one with the same limits */
static int endpoint_with(lua_State *L) {
  struct script_endpoint *endpoint = check_endpoint(L);
  check_component(L, 2);
  lua_settop(L, 2);
  lua_replace(L, 1);
  return push_new_endpoint(L, &endpoint->base.limits);
}

static const luaL_Reg methods[] = {
    {"getComponent", endpoint_component},
    {"with", endpoint_with},
    {NULL, NULL},
};

void script_open_endpoint(lua_State *L) {
  class_open(L, endpoint_name, methods, collect_endpoint);
}

const luaL_Reg endpoint_functions[] = {
    {"endpoint", script_new_endpoint},
    {NULL, NULL},
};
