/*
 * script - the Lua state: how it is set up, how the app file is run in it, what
 * it does at the end of each turn, and how it ends.
 */
#include "script.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "call.h"
#include "caller_object.h"
#include "connect.h"
#include "connection_object.h"
#include "coroutine.h"
#include "endpoint.h"
#include "message.h"
#include "modules.h"
#include "redis_object.h"
#include "reload.h"
#include "run.h"
#include "server/connection.h"
#include "server/opening.h"
#include "server/server.h"
#include "service.h"
#include "state.h"
#include "strand.h"
#include "task.h"
#include "testbed.h"
#include "timer.h"
#include "topic_object.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>

/* The registry knows the script by this variable's address. */
static char script_key;

struct script *script_of(lua_State *L) {
  lua_pushlightuserdata(L, &script_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct script *script = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return script;
}

int script_hold(struct script *script, lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  lua_insert(L, -2);
  int held = luaL_ref(L, -2);
  lua_pop(L, 1);
  return held;
}

void script_hold_table(struct script *script, lua_State *L, int *held) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, 1);
  script_release(script, *held);
  *held = LUA_NOREF;
  *held = script_hold(script, L);
}

void script_push_held(struct script *script, lua_State *L, int held) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  lua_rawgeti(L, -1, held);
  lua_remove(L, -2);
}

void script_release(struct script *script, int held) {
  lua_State *L = script->L;
  if (held == LUA_NOREF) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, script->held);
  luaL_unref(L, -1, held);
  lua_pop(L, 1);
}

void script_set_text(lua_State *L, const char *field, struct slice text) {
  lua_pushlstring(L, text.at, text.length);
  lua_setfield(L, -2, field);
}

static int set_up(lua_State *L) {
  struct script *script = lua_touserdata(L, 1);
  lua_pushlightuserdata(L, &script_key);
  lua_pushlightuserdata(L, script);
  lua_rawset(L, LUA_REGISTRYINDEX);
  script_prepare_calls(script, L);
  lua_newtable(L);
  script->held = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushboolean(L, 0);
  script->last_text = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushboolean(L, 0);
  script->known_text = luaL_ref(L, LUA_REGISTRYINDEX);
  script_open_libraries(L); /* switches the compiler on */
  /* Half as much garbage as LuaJIT would let pile up: what handshakes leave
   * behind is most of what an idle connection costs in Lua. */
  lua_gc(L, LUA_GCSETPAUSE, 150);
  /* LuaJIT does not survive running out of memory while it compiles. */
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  topics_set_up(script, L);
  coroutine_set_up(script, L);
  waiting_set_up(script, L);
  script_open_modules(script, L);
  connection_object_open(L);
  script_open_endpoint(L);
  topic_object_open(L);
  caller_object_open(L);
  task_open(L);
  timer_open(L);
  connect_open(L);
  redis_object_open(L);
  return 0;
}

enum { SLOW_HANDLER = 100, HANDLER_BUDGET = 5000 };

static int watch(lua_State *L) {
  struct script *script = lua_touserdata(L, 1);
  struct watchdog_limits limits = {SLOW_HANDLER, HANDLER_BUDGET};
  watchdog_start(&script->watchdog, script->L, limits);
  return 0;
}

struct script *script_new(struct loop *loop, struct server *server,
                          const struct script_options *options) {
  struct script *script = mem_alloc_zeroed(1, sizeof *script);
  if (!script) return NULL;
  script->loop = loop;
  script->server = server;
  script->options = *options;
  script->request_metatable = script->opening_request = LUA_NOREF;
  script->answer_metatable = LUA_NOREF;
  script->close_luv = script->own_handle = LUA_NOREF;
  list_init(&script->services);
  list_init(&script->attempts);
  list_init(&script->ready);
  list_init(&script->strands);
  list_init(&script->callers);
  list_init(&script->tasks);
  list_init(&script->timers);
  list_init(&script->redis_links);
  list_init(&script->redis_due);
  script->L = options->allocate ? lua_newstate(options->allocate, NULL)
                                : luaL_newstate();
  if (!script->L) {
    mem_free(script);
    return NULL;
  }
  bool is_up = script_protect(script, set_up, script, "set-up");
  luaJIT_setmode(script->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
  if (is_up && options->is_watched) {
    is_up = script_protect(script, watch, script, "watchdog");
  }
  if (is_up) return script;
  script_free(script);
  return NULL;
}

struct load {
  struct script *script;
  int count;
  char **arguments;
  lua_State *co; /* the file's function and its arguments are on it */
  int co_held;
};

static void set_arg_table(lua_State *L, const struct load *load) {
  lua_createtable(L, load->count, 0);
  for (int i = 0; i < load->count; i++) {
    lua_pushstring(L, load->arguments[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
}

static int prepare_load(lua_State *L) {
  struct load *load = lua_touserdata(L, 1);
  const char *path = load->arguments[0];
  lua_settop(L, 0);
  script_set_paths(L, path);
  set_arg_table(L, load);
  reload_prepare(L, path);
  load->co = lua_newthread(L);
  load->co_held = script_hold(load->script, L);
  if (script_load_file(L, path) != 0) return lua_error(L);
  for (int i = 1; i < load->count; i++) lua_pushstring(L, load->arguments[i]);
  lua_xmove(L, load->co, load->count);
  return 0;
}

/* The message says where; who wants to know how it came there asks for debug.
 */
static int log_load_error(lua_State *L) {
  struct load *load = lua_touserdata(L, 1);
  lua_pushvalue(load->co, -1);
  lua_xmove(load->co, L, 1);
  const char *where = lua_isstring(L, -1) ? "ratchet-lua" : load->arguments[0];
  script_log_error(L, where);
  luaL_traceback(L, load->co, NULL, 0);
  log_line(LOG_DEBUG, slice_of(lua_tostring(L, -1)));
  return 0;
}

static bool run_file(struct script *script, struct load *load) {
  struct run run = {.co = load->co, .what = "the app file"};
  int status = script_resume(script, &run, load->count - 1);
  if (status == 0) return true;
  if (status == LUA_YIELD) {
    log_printf(LOG_ERROR, "%s: an app file cannot yield while it is loaded",
               load->arguments[0]);
    return false;
  }
  script_protect(script, log_load_error, load, "load");
  return false;
}

bool script_load(struct script *script, int count, char **arguments) {
  struct load load = {.script = script,
                      .count = count,
                      .arguments = arguments,
                      .co_held = LUA_NOREF};
  script->app_path = arguments[0];
  if (!script_protect(script, prepare_load, &load, "ratchet-lua")) {
    script_release(script, load.co_held);
    return false;
  }
  bool is_loaded = run_file(script, &load);
  watchdog_loaded(&script->watchdog);
  script_release(script, load.co_held);
  return is_loaded;
}

const char *script_addresses(const struct script *script) {
  return script->addresses.length ? (const char *)script->addresses.bytes : "";
}

void script_turn(struct script *script) {
  if (!list_is_empty(&script->ready)) testbed_note_stir(script);
  waiters_run(script);
  if (script->last_sent.length > SCRIPT_KEPT_TEXT || script->known_utf8) {
    message_forget(script);
  }
}

void script_turn_done(struct script *script) {
  redis_object_flush(script);
  bool has_more =
      !list_is_empty(&script->ready) || server_has_more(script->server);
  if (script->testbed) has_more = testbed_turn(script);
  loop_stay_awake(script->loop, has_more);
}

void script_end_waits(struct script *script) {
  connects_end(script);
  timers_cancel(&script->timers);
  strands_drop(script);
  tasks_drop(script);
}

void script_close_handles(struct script *script) {
  script_end_waits(script); /* tasks and timers need no connection */
  caller_object_close_all(script);
  redis_object_close_all(script);
  script_close_luv(script);
}

const char *script_libraries(void) {
  return LUAJIT_VERSION ", luv " LUV_VERSION ", cjson " CJSON_VERSION;
}

void script_free(struct script *script) {
  script_end_waits(script); /* that luv's last callbacks have begun */
  message_forget(script);
  services_release(script);
  watchdog_end(&script->watchdog);
  lua_close(script->L);
  services_free(script);
  testbed_free(script);
  buffer_free(&script->addresses);
  buffer_free(&script->redis_text);
  mem_free(script);
}
