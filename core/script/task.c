/*
 * task - a function that runs by itself, in a coroutine that may wait: what
 * ratchet.spawn starts, and each time that a timer fires.
 */
#include "task.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "call.h"
#include "class.h"
#include "coroutine.h"
#include "run.h"
#include "state.h"
#include "timer.h"
#include "waiter.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

static const char task_name[] = "ratchet.Task";

/* Made by the start, freed when its function has ended. */
struct task {
  struct waiter waiter; /* before the function runs it is ready, not waiting */
  struct list in_script;
  struct task **handle; /* what Lua knows it by; NULL: nobody can cancel it */
  struct timer *timer;  /* that fired, or NULL */
  bool has_started, is_cancelled;
};

static struct task *task_of(struct waiter *waiter) {
  return OWNER_OF(waiter, struct task, waiter);
}

struct waiter *task_waiter(struct task *task) {
  return &task->waiter;
}

bool task_is_cancelled(const struct task *task) {
  return task->is_cancelled;
}

static const char *task_kind(const struct task *task) {
  return task->timer ? "timer" : "spawn";
}

static void free_task(struct task *task) {
  waiter_drop(&task->waiter);
  list_remove(&task->in_script);
  if (task->handle) *task->handle = NULL;
  if (task->timer) timer_done(task->timer);
  mem_free(task);
}

struct failed_task {
  lua_State *co;
  const char *what;
  bool has_yielded;
};

static int log_failure(lua_State *L) {
  struct failed_task *failed = lua_touserdata(L, 1);
  if (failed->has_yielded) {
    lua_pushliteral(L, "the function yielded: only ratchet's own functions "
                       "wait");
  } else {
    script_push_traceback(L, failed->co);
  }
  script_log_error(L, failed->what);
  return 0;
}

/* Did it end of having been cancelled, and of nothing else? */
static bool was_cancelled(const struct task *task, int status) {
  static const char word[] = "cancelled";
  size_t length, most = sizeof word - 1;
  lua_State *co = task->waiter.co.L;
  if (!task->is_cancelled || status == LUA_YIELD) return false;
  if (lua_type(co, -1) != LUA_TSTRING) return false;
  const char *message = lua_tolstring(co, -1, &length);
  return length >= most && strcmp(message + length - most, word) == 0;
}

static void finish(struct task *task, int status) {
  struct script *script = task->waiter.script;
  struct coroutine co = task->waiter.co;
  if (status == LUA_YIELD && task->waiter.is_waiting) return;
  if (status == 0) {
    coroutine_give(script, co);
  } else {
    struct failed_task failed = {co.L, task_kind(task), status == LUA_YIELD};
    if (!was_cancelled(task, status)) {
      script_protect(script, log_failure, &failed, "error");
    }
    script_release(script, co.held);
  }
  free_task(task);
}

static void go_on(struct waiter *waiter) {
  struct task *task = task_of(waiter);
  uint32_t before = log_set_version(waiter->version);
  task->has_started = true;
  finish(task, waiter_resume(waiter, (struct run){.what = task_kind(task),
                                                  .task = task}));
  log_set_version(before);
}

/* A task whose function and arguments are still to be pushed on its coroutine.
 * NULL when there is no memory. */
static struct task *new_task(struct script *script) {
  struct task *task = mem_alloc_zeroed(1, sizeof *task);
  if (!task) return NULL;
  waiter_init(&task->waiter, script, go_on);
  task->waiter.version = script->version;
  list_init(&task->in_script);
  if (!coroutine_take(script, &task->waiter.co)) {
    mem_free(task);
    return NULL;
  }
  list_append(&script->tasks, &task->in_script);
  return task;
}

bool task_run_timer(struct script *script, struct timer *timer) {
  struct task *task = new_task(script);
  if (!task) return false;
  task->timer = timer;
  task->waiter.arguments = timer_push(timer, task->waiter.co.L);
  go_on(&task->waiter);
  return true;
}

static void drop(struct task *task) {
  script_release(task->waiter.script, task->waiter.co.held);
  free_task(task);
}

void tasks_drop(struct script *script) {
  tasks_drop_but(script, NULL);
}

void tasks_drop_but(struct script *script, const struct task *kept) {
  struct list *link = script->tasks.next, *next;
  for (; link != &script->tasks; link = next) {
    next = link->next;
    struct task *task = OWNER_OF(link, struct task, in_script);
    if (task != kept) drop(task);
  }
}

bool task_exists(const struct script *script, const struct task *task) {
  struct list *link = script->tasks.next;
  while (link != &script->tasks && link != &task->in_script) link = link->next;
  return link == &task->in_script;
}

int tasks_outdated(const struct script *script) {
  int count = 0;
  struct list *link = script->tasks.next;
  for (; link != &script->tasks; link = link->next) {
    struct task *task = OWNER_OF(link, struct task, in_script);
    count += task->waiter.is_waiting && !task->is_cancelled &&
             task->waiter.version != script->version;
  }
  return count;
}

/* ---- as Lua sees it */

static int collect(lua_State *L) {
  struct task **handle = lua_touserdata(L, 1);
  if (*handle) (*handle)->handle = NULL;
  return 0;
}

/* task:cancel(): what it waits for raises "cancelled" in it, and so does every
 * further wait. True when it had not ended. */
static int cancel(lua_State *L) {
  struct task **handle = luaL_checkudata(L, 1, task_name);
  struct task *task = *handle;
  lua_pushboolean(L, task != NULL && !task->is_cancelled);
  if (!task || task->is_cancelled) return 1;
  task->is_cancelled = true;
  if (!task->has_started)
    drop(task);
  else
    waiter_end(&task->waiter, WAIT_CANCELLED);
  return 1;
}

static const luaL_Reg methods[] = {{"cancel", cancel}, {NULL, NULL}};

void task_open(lua_State *L) {
  class_open(L, task_name, methods, collect);
}

/* spawn(fn, ...): begins at the end of the turn. */
int task_spawn(lua_State *L) {
  struct script *script = script_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  int count = lua_gettop(L);
  struct task **handle = lua_newuserdata(L, sizeof *handle);
  *handle = NULL;
  luaL_getmetatable(L, task_name);
  lua_setmetatable(L, -2);
  struct task *task = new_task(script);
  if (!task) return luaL_error(L, "out of memory");
  lua_insert(L, 1);
  if (!lua_checkstack(task->waiter.co.L, count + LUA_MINSTACK)) {
    drop(task);
    return luaL_error(L, "too many arguments");
  }
  lua_xmove(L, task->waiter.co.L, count);
  *handle = task;
  task->handle = handle;
  waiter_wake(&task->waiter, count - 1);
  return 1;
}
