/* test_loop_clock - the loop's clock when it is held, moved, and let go. */
#include "base/mem.h"
#include "check.h"
#include "net/loop.h"

#include <unistd.h>

static struct loop loop;
static int rung;

static void on_ring(struct alarm *alarm) {
  (void)alarm;
  rung++;
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
}

static void on_space(uv_handle_t *handle, size_t size, uv_buf_t *space) {
  (void)handle;
  (void)size;
  (void)space;
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *got) {
  (void)stream;
  (void)length;
  (void)got;
}

/* libuv runs nothing while nothing keeps its loop alive. */
static void keep_alive(uv_timer_t *timer) {
  uv_timer_init(&loop.uv, timer);
  uv_timer_start(timer, on_timer, 100000, 0);
}

TEST(loop_clock_stands_while_it_is_held) {
  struct alarm soon = {.ring = on_ring}, late = {.ring = on_ring};
  struct clock *clock = &loop.clock;
  uv_timer_t timer;
  rung = 0;
  CHECK_EQ(loop_init(&loop), 0);
  keep_alive(&timer);
  loop_hold_clock(&loop);
  uint64_t begin = clock_now(clock);
  CHECK(!loop_move_clock(&loop));
  clock_set(clock, &late, begin + 60000);
  clock_set(clock, &soon, begin + 1);
  CHECK_EQ(clock_next(clock), begin + 1);
  uint64_t real = loop_real_time(&loop);
  while (loop_real_time(&loop) < real + 5) {
    clock_refresh(clock);
    loop_turn(&loop);
  }
  CHECK_EQ(rung, 0);
  CHECK_EQ(clock_now(clock), begin);
  CHECK(loop_move_clock(&loop));
  CHECK_EQ(rung, 1);
  CHECK_EQ(clock_now(clock), begin + 1);
  CHECK(loop_move_clock(&loop));
  CHECK_EQ(rung, 2);
  CHECK_EQ(clock_now(clock), begin + 60000);
  clock_set(clock, &soon, begin); /* which is over */
  CHECK(loop_move_clock(&loop));
  CHECK_EQ(rung, 3);
  CHECK_EQ(clock_now(clock), begin + 60001);
  loop_close(&loop);
}

TEST(loop_clock_goes_on_from_where_it_was_let_go) {
  struct alarm far = {.ring = on_ring}, near = {.ring = on_ring};
  struct clock *clock = &loop.clock;
  uv_timer_t timer;
  rung = 0;
  CHECK_EQ(loop_init(&loop), 0);
  keep_alive(&timer);
  loop_hold_clock(&loop);
  clock_set(clock, &far, clock_now(clock) + 100000);
  CHECK(loop_move_clock(&loop));
  uint64_t moved = clock_now(clock);
  clock_set(clock, &near, moved + 2);
  loop_release_clock(&loop);
  CHECK(clock_now(clock) >= moved && clock_now(clock) < moved + 100000);
  while (rung < 2) loop_turn(&loop);
  CHECK(clock_now(clock) >= moved + 2);
  loop_close(&loop);
}

TEST(loop_is_alive_while_something_of_libuv_is) {
  uv_timer_t timer;
  CHECK_EQ(loop_init(&loop), 0);
  CHECK(!loop_is_alive(&loop));
  keep_alive(&timer);
  CHECK(loop_is_alive(&loop));
  CHECK(!loop_has_traffic(&loop));
  uv_pipe_t pipe;
  int ends[2];
  CHECK_EQ(uv_pipe(ends, 0, 0), 0);
  uv_pipe_init(&loop.uv, &pipe, 0);
  uv_pipe_open(&pipe, ends[0]);
  CHECK(!loop_has_traffic(&loop));
  uv_read_start((uv_stream_t *)&pipe, on_space, on_read);
  CHECK(loop_has_traffic(&loop));
  close(ends[1]);
  loop_close(&loop);
}
