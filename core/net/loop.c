#include "loop.h"

#include "base/mem.h"

static struct loop *loop_of(struct clock *clock) {
  return OWNER_OF(clock, struct loop, clock);
}

static uint64_t real_now(struct clock *clock) {
  struct loop *loop = loop_of(clock);
  return loop->held_at ? loop->held_at : uv_now(&loop->uv) + loop->ahead;
}

static void real_refresh(struct clock *clock) {
  uv_update_time(&loop_of(clock)->uv);
}

static void on_alarm(uv_timer_t *alarm) {
  struct loop *loop = alarm->data;
  clock_ring(&loop->clock);
}

static void real_wake_at(struct clock *clock, uint64_t when) {
  struct loop *loop = loop_of(clock);
  if (when == CLOCK_NEVER || loop->held_at) {
    uv_timer_stop(&loop->alarm);
    return;
  }
  uint64_t now = real_now(clock);
  uv_timer_start(&loop->alarm, on_alarm, when > now ? when - now : 0, 0);
}

static void end_turn(struct loop *loop) {
  if (loop->on_turn) loop->on_turn(loop->owner);
}

static void on_before_poll(uv_prepare_t *handle) {
  end_turn(handle->data);
}

static void on_after_poll(uv_check_t *handle) {
  end_turn(handle->data);
}

/* The three handles serve the others: they do not keep the loop alive. */
static void start_handles(struct loop *loop) {
  uv_timer_init(&loop->uv, &loop->alarm);
  uv_prepare_init(&loop->uv, &loop->before_poll);
  uv_check_init(&loop->uv, &loop->after_poll);
  uv_idle_init(&loop->uv, &loop->awake);
  loop->alarm.data = loop->before_poll.data = loop->after_poll.data = loop;
  uv_prepare_start(&loop->before_poll, on_before_poll);
  uv_check_start(&loop->after_poll, on_after_poll);
  uv_unref((uv_handle_t *)&loop->alarm);
  uv_unref((uv_handle_t *)&loop->before_poll);
  uv_unref((uv_handle_t *)&loop->after_poll);
  uv_unref((uv_handle_t *)&loop->awake);
}

int loop_init(struct loop *loop) {
  *loop = (struct loop){.clock = {.now = real_now,
                                  .refresh = real_refresh,
                                  .wake_at = real_wake_at}};
  clock_init(&loop->clock);
  uv_replace_allocator(mem_alloc, mem_resize, mem_alloc_zeroed, mem_free);
  loop->read_buffer = mem_alloc(LOOP_READ_BUFFER);
  if (!loop->read_buffer) return UV_ENOMEM;
  int error = uv_loop_init(&loop->uv);
  if (error) {
    mem_free(loop->read_buffer);
    return error;
  }
  start_handles(loop);
  return 0;
}

void loop_run(struct loop *loop) {
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_keep(struct loop *loop, bool is_kept) {
  uv_handle_t *handle = (uv_handle_t *)&loop->before_poll;
  loop->is_kept = is_kept;
  if (is_kept)
    uv_ref(handle);
  else
    uv_unref(handle);
}

static void on_idle(uv_idle_t *handle) {
  (void)handle; /* that it is active is all */
}

void loop_stay_awake(struct loop *loop, bool awake) {
  if (awake)
    uv_idle_start(&loop->awake, on_idle);
  else
    uv_idle_stop(&loop->awake);
}

void loop_turn(struct loop *loop) {
  uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void on_late(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

bool loop_finish(struct loop *loop, uint64_t milliseconds) {
  uv_timer_start(&loop->alarm, on_late, milliseconds, 0);
  bool is_busy = uv_run(&loop->uv, UV_RUN_DEFAULT) != 0;
  uv_timer_stop(&loop->alarm);
  return !is_busy;
}

void loop_hold_clock(struct loop *loop) {
  loop->held_at = real_now(&loop->clock);
  uv_timer_stop(&loop->alarm);
}

bool loop_move_clock(struct loop *loop) {
  uint64_t next = clock_next(&loop->clock);
  if (next == CLOCK_NEVER) return false;
  loop->held_at = next > loop->held_at ? next : loop->held_at + 1;
  clock_ring(&loop->clock);
  return true;
}

void loop_release_clock(struct loop *loop) {
  loop->ahead = loop->held_at - uv_now(&loop->uv);
  loop->held_at = 0;
  real_wake_at(&loop->clock, clock_next(&loop->clock));
}

bool loop_is_alive(struct loop *loop) {
  bool is_kept = loop->is_kept;
  loop_keep(loop, false);
  bool is_alive = uv_loop_alive(&loop->uv) != 0;
  loop_keep(loop, is_kept);
  return is_alive;
}

static void look_for_traffic(uv_handle_t *handle, void *found) {
  switch (handle->type) {
  case UV_TIMER:
  case UV_PREPARE:
  case UV_CHECK:
  case UV_IDLE:
  case UV_SIGNAL: return;
  default:
    if (uv_is_active(handle)) *(bool *)found = true;
  }
}

bool loop_has_requests(const struct loop *loop) {
  return loop->uv.active_reqs.count > 0;
}

bool loop_has_traffic(struct loop *loop) {
  bool is_found = loop_has_requests(loop);
  if (!is_found) uv_walk(&loop->uv, look_for_traffic, &is_found);
  return is_found;
}

uint64_t loop_real_time(struct loop *loop) {
  return uv_now(&loop->uv);
}

const char *loop_library(void) {
  return uv_version_string();
}

void loop_stop(struct loop *loop) {
  uv_stop(&loop->uv);
}

static void close_if_open(uv_handle_t *handle, void *unused) {
  (void)unused;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void loop_close(struct loop *loop) {
  uv_walk(&loop->uv, close_if_open, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop->uv);
  mem_free(loop->read_buffer);
  uv_library_shutdown();
}
