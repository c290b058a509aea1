/*
 * redis_object - a connection to a Redis server as Lua sees it: what goes out
 * is written at the end of the turn, in one piece with what others wrote; what
 * comes in is told to three functions. lua/ratchet/redis.lua makes a client of
 * it.
 */
#include "redis_object.h"

#include "base/list.h"
#include "base/mem.h"
#include "call.h"
#include "class.h"
#include "event.h"
#include "net/redis.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>

enum {
  DEFAULT_MAX_REPLY = 64 * 1024 * 1024,
  QUEUED_MAX = 512 * 1024 * 1024, /* bytes that the server has not taken */
  EXACT_DIGITS = 17,
};

static const char object_name[] = "ratchet.RedisLink";

/* The userdata. It is held while it is open, for its functions are called then;
 * they are in its environment. */
struct link {
  struct list in_script, in_due;
  struct script *script;
  struct redis *redis; /* NULL: closed */
  int held;
};

static struct link *check_link(lua_State *L) {
  return luaL_checkudata(L, 1, object_name);
}

static void close_link(struct link *link) {
  if (!link->redis) return;
  redis_close(link->redis);
  link->redis = NULL;
  list_remove(&link->in_script);
  list_remove(&link->in_due);
  script_release(link->script, link->held);
  link->held = LUA_NOREF;
}

/* ---- values */

static void push_member(lua_State *L, const struct redis_value *value);

static void push_value(lua_State *L, const struct redis_value *value) {
  int at = 1;
  switch (value->kind) {
  case REDIS_NOTHING: lua_pushnil(L); return;
  case REDIS_INTEGER: lua_pushnumber(L, (lua_Number)value->integer); return;
  case REDIS_LIST:
    luaL_checkstack(L, 4, "redis");
    lua_createtable(L, (int)value->length, 0);
    for (value = value->first; value; value = value->next) {
      push_member(L, value);
      lua_rawseti(L, -2, at++);
    }
    return;
  default: lua_pushlstring(L, value->text, value->length);
  }
}

/* In a list there are no holes: what is missing is false, as in the scripts
 * that run inside of Redis, and an error is a table with `err`, as there. */
static void push_member(lua_State *L, const struct redis_value *value) {
  if (value->kind == REDIS_NOTHING) {
    lua_pushboolean(L, 0);
  } else if (value->kind == REDIS_FAULT) {
    lua_createtable(L, 0, 1);
    push_value(L, value);
    lua_setfield(L, -2, "err");
  } else {
    push_value(L, value);
  }
}

/* ---- events: C calls the library's functions, which wake handlers */

struct telling {
  struct link *link;
  const char *event;
  struct redis_reader *reader; /* "reply" */
  const char *reason;          /* "lost" */
};

static void tell_replies(lua_State *L, struct telling *telling, int function) {
  const struct redis_value *value;
  while (telling->link->redis && (value = redis_reader_take(telling->reader))) {
    bool is_fault = value->kind == REDIS_FAULT;
    lua_pushvalue(L, function);
    if (is_fault) lua_pushnil(L);
    push_value(L, value);
    lua_call(L, is_fault ? 2 : 1, 0);
  }
}

static int work_tell(lua_State *L) {
  struct telling *telling = lua_touserdata(L, 1);
  script_push_held(telling->link->script, L, telling->link->held);
  lua_getfenv(L, -1);
  lua_getfield(L, -1, telling->event);
  if (telling->reader) {
    tell_replies(L, telling, lua_gettop(L));
    return 0;
  }
  lua_pushstring(L, telling->reason);
  lua_call(L, 1, 0);
  return 0;
}

static bool tell(struct telling telling) {
  struct script *script = telling.link->script;
  if (!telling.link->redis) return true;
  return script_protect_prepared(script, script->tell_redis, &telling, "redis");
}

/* While it is told of the end, the collector must not take it. */
static void lose(struct link *link, const char *reason) {
  lua_State *L = link->script->L;
  if (!link->redis) return;
  script_push_held(link->script, L, link->held);
  tell((struct telling){.link = link, .event = "lost", .reason = reason});
  close_link(link);
  lua_pop(L, 1);
}

/* What could not be told (memory ran out) would leave all later replies to the
 * wrong handlers. */
static void tell_or_lose(struct telling telling) {
  struct link *link = telling.link;
  lua_State *L = link->script->L;
  script_push_held(link->script, L, link->held);
  if (!tell(telling)) lose(link, "out of memory");
  lua_pop(L, 1);
}

static void on_lost(void *owner, const char *reason) {
  lose(owner, reason);
}

static void on_ready(void *owner) {
  tell_or_lose((struct telling){.link = owner, .event = "ready"});
}

static void on_readable(void *owner, struct redis_reader *reader) {
  tell_or_lose(
      (struct telling){.link = owner, .event = "reply", .reader = reader});
}

static const struct redis_events events = {
    .ready = on_ready, .readable = on_readable, .lost = on_lost};

/* ---- commands */

/* A whole number is written without exponent and fraction: "1e+15" is no
 * integer to Redis. */
static struct slice number_text(lua_Number number, char *space, size_t size) {
  bool is_whole = number == floor(number) && fabs(number) < 0x1p63;
  int length = is_whole ? snprintf(space, size, "%lld", (long long)number)
                        : snprintf(space, size, "%.*g", EXACT_DIGITS, number);
  return (struct slice){space, (size_t)length};
}

static bool append_bulk(struct buffer *to, struct slice text) {
  char head[32];
  int length = snprintf(head, sizeof head, "$%zu\r\n", text.length);
  if (!buffer_reserve(to, (size_t)length + text.length + 2)) return false;
  return buffer_append(to, head, (size_t)length) &&
         buffer_append(to, text.at, text.length) &&
         buffer_append(to, "\r\n", 2);
}

static bool append_argument(lua_State *L, int index, struct buffer *to) {
  char space[64];
  struct slice text;
  if (lua_type(L, index) == LUA_TNUMBER)
    text = number_text(lua_tonumber(L, index), space, sizeof space);
  else
    text.at = lua_tolstring(L, index, &text.length);
  return append_bulk(to, text);
}

/* The first of the arguments that is neither a string nor a number, or 0. */
static int bad_argument(lua_State *L, int first) {
  for (int i = first; i <= lua_gettop(L); i++) {
    int type = lua_type(L, i);
    if (type != LUA_TSTRING && type != LUA_TNUMBER) return i - first + 1;
  }
  return lua_gettop(L) < first ? 1 : 0;
}

/* The arguments from `first` on as a command (RESP: a list of texts). False
 * without memory; the buffer is then as it was. */
static bool append_command(lua_State *L, int first, struct buffer *to) {
  char head[32];
  size_t before = to->length;
  int count = lua_gettop(L) - first + 1;
  int length = snprintf(head, sizeof head, "*%d\r\n", count);
  bool is_there = buffer_append(to, head, (size_t)length);
  for (int i = first; is_there && i < first + count; i++) {
    is_there = append_argument(L, i, to);
  }
  if (!is_there) to->length = before;
  return is_there;
}

static int push_failure(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

static int written(lua_State *L, struct link *link, bool is_there) {
  if (!is_there) return push_failure(L, "out of memory");
  list_remove(&link->in_due);
  list_append(&link->script->redis_due, &link->in_due);
  lua_pushboolean(L, 1);
  return 1;
}

/* Why nothing can be written now, or NULL. */
static const char *obstacle(const struct link *link) {
  if (!link->redis) return "closed";
  if (redis_queued(link->redis) < QUEUED_MAX) return NULL;
  return "the server does not take what was sent before";
}

/* link:write(...) */
static int link_write(lua_State *L) {
  struct link *link = check_link(L);
  const char *why = obstacle(link);
  int bad = bad_argument(L, 2);
  if (bad) {
    lua_pushnil(L);
    lua_pushinteger(L, bad);
    return 2;
  }
  if (why) return push_failure(L, why);
  return written(L, link, append_command(L, 2, redis_output(link->redis)));
}

/* link:append(bytes): commands of redisCommand */
static int link_append(lua_State *L) {
  struct link *link = check_link(L);
  struct slice bytes;
  bytes.at = luaL_checklstring(L, 2, &bytes.length);
  const char *why = obstacle(link);
  if (why) return push_failure(L, why);
  return written(
      L, link,
      buffer_append(redis_output(link->redis), bytes.at, bytes.length));
}

/* core.redisCommand(...): the bytes, for later */
static int redis_object_format(lua_State *L) {
  struct buffer *text = &script_of(L)->redis_text;
  int bad = bad_argument(L, 1);
  if (bad) {
    lua_pushnil(L);
    lua_pushinteger(L, bad);
    return 2;
  }
  text->length = 0;
  if (!append_command(L, 1, text)) return push_failure(L, "out of memory");
  lua_pushlstring(L, (const char *)text->bytes, text->length);
  buffer_consume(text, text->length);
  return 1;
}

static int link_close(lua_State *L) {
  close_link(check_link(L));
  return 0;
}

static int link_pause(lua_State *L) {
  struct link *link = check_link(L);
  if (link->redis) redis_pause(link->redis);
  return 0;
}

static int link_resume(lua_State *L) {
  struct link *link = check_link(L);
  if (link->redis) redis_resume(link->redis);
  return 0;
}

/* Only the end of the state collects one that is open. */
static int link_gc(lua_State *L) {
  struct link *link = check_link(L);
  if (link->redis) redis_close(link->redis);
  link->redis = NULL;
  list_remove(&link->in_script);
  list_remove(&link->in_due);
  return 0;
}

static const luaL_Reg methods[] = {
    {"append", link_append}, {"close", link_close}, {"pause", link_pause},
    {"resume", link_resume}, {"write", link_write}, {NULL, NULL},
};

void redis_object_open(lua_State *L) {
  class_open(L, object_name, methods, link_gc);
  lua_pushcfunction(L, work_tell);
  script_of(L)->tell_redis = luaL_ref(L, LUA_REGISTRYINDEX);
}

static struct link *new_link(lua_State *L) {
  struct script *script = script_of(L);
  struct link *link = lua_newuserdata(L, sizeof *link);
  *link = (struct link){.script = script, .held = LUA_NOREF};
  list_init(&link->in_script);
  list_init(&link->in_due);
  luaL_getmetatable(L, object_name);
  lua_setmetatable(L, -2);
  return link;
}

/* Of the table at 1. The strings are the table's. */
static struct redis_address read_address(lua_State *L) {
  struct redis_address address;
  lua_getfield(L, 1, "host");
  address.host = luaL_optstring(L, -1, "127.0.0.1");
  lua_getfield(L, 1, "port");
  address.port = (int)luaL_optinteger(L, -1, 6379);
  lua_getfield(L, 1, "path");
  address.path = luaL_optstring(L, -1, NULL);
  return address;
}

static size_t read_max_reply(lua_State *L) {
  lua_getfield(L, 1, "maxReplySize");
  lua_Number size = luaL_optnumber(L, -1, DEFAULT_MAX_REPLY);
  luaL_argcheck(L, size >= 1 && size <= 0x1p30, 1, "maxReplySize");
  return (size_t)size;
}

static void check_functions(lua_State *L) {
  static const char *const names[] = {"ready", "reply", "lost"};
  for (int i = 0; i < 3; i++) {
    lua_getfield(L, 1, names[i]);
    luaL_argcheck(L, lua_isfunction(L, -1), 1, names[i]);
    lua_pop(L, 1);
  }
}

/* core.redis{ host=, port=, path=, maxReplySize=, ready=, reply=, lost= } */
static int redis_object_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  check_functions(L);
  struct redis_address address = read_address(L);
  size_t max_reply = read_max_reply(L);
  struct link *link = new_link(L);
  lua_pushvalue(L, 1);
  lua_setfenv(L, -2);
  lua_pushvalue(L, -1);
  link->held = script_hold(link->script, L);
  link->redis =
      redis_open(link->script->loop, &address, max_reply, &events, link);
  if (!link->redis) {
    script_release(link->script, link->held);
    return luaL_error(L, "out of memory");
  }
  list_append(&link->script->redis_links, &link->in_script);
  return 1;
}

void redis_object_flush(struct script *script) {
  struct list *first;
  while ((first = list_take_first(&script->redis_due))) {
    redis_flush(OWNER_OF(first, struct link, in_due)->redis);
  }
}

void redis_object_close_all(struct script *script) {
  while (!list_is_empty(&script->redis_links)) {
    struct list *first = script->redis_links.next;
    close_link(OWNER_OF(first, struct link, in_script));
  }
}

const luaL_Reg redis_functions[] = {
    {"redis", redis_object_new},
    {"redisCommand", redis_object_format},
    {NULL, NULL},
};
