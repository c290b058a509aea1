/*
 * loop - libuv's loop with what every connection on it shares: the read
 * buffer, the real clock, and the end of a turn.
 *
 * A turn is one pass of libuv. Whatever handlers queued during it is written at
 * its end, once for each connection (corking); on_turn is where that happens:
 * after the sockets were read, and once more before the loop goes to sleep, for
 * what timers queued.
 */
#ifndef RATCHET_NET_LOOP_H
#define RATCHET_NET_LOOP_H

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

enum { LOOP_READ_BUFFER = 128 * 1024 };

struct virtual_network;

/* Owned by main (or a test), by value. */
struct loop {
  uv_loop_t uv;
  struct clock clock;
  bool is_kept;     /* loop_keep */
  uint64_t held_at; /* where the clock stands still; 0: it goes */
  uint64_t ahead;   /* ms that it has been moved on while it stood */
  struct virtual_network *network; /* of a test; NULL: the kernel's */
  uint8_t *read_buffer;            /* of whichever connection is being read */
  /* A connection with a descriptor from here on is one of the last; 0: there is
   * no such limit. */
  int last_descriptors;
  void (*on_turn)(void *owner);
  void *owner;
  uv_timer_t alarm;
  uv_prepare_t before_poll;
  uv_check_t after_poll;
  uv_idle_t awake;
};

/* Gives libuv the allocator of mem; call before any other use of libuv.
 * Returns 0 or a negative errno; after a failure nothing is owed. */
int loop_init(struct loop *loop);
/* Until loop_stop, or until nothing is left to wait for. */
void loop_run(struct loop *loop);
/* While it is kept, having nothing to wait for neither ends loop_run nor makes
 * loop_turn do nothing. */
void loop_keep(struct loop *loop, bool is_kept);
void loop_stop(struct loop *loop);
/* Shall the next turn begin without waiting for anything? */
void loop_stay_awake(struct loop *loop, bool awake);
/* One turn, without waiting for anything. */
void loop_turn(struct loop *loop);
/* Runs until nothing is left to do, for that many milliseconds at most; false
 * when something still is. */
bool loop_finish(struct loop *loop, uint64_t milliseconds);
/* Stops the clock, which from there on is moved by loop_move_clock alone. Has
 * no part in what libuv itself measures. */
void loop_hold_clock(struct loop *loop);
/* Moves it on to the next alarm, which rings, and by a millisecond at least:
 * who sets one for now again and again does not stop the time. False when there
 * is none. */
bool loop_move_clock(struct loop *loop);
/* It goes on from where it stands. */
void loop_release_clock(struct loop *loop);
/* Does anything of libuv's keep the loop alive: a socket, a timer, a request?
 */
bool loop_is_alive(struct loop *loop);
/* May anything come from outside: on a socket, from a process, a file? */
bool loop_has_traffic(struct loop *loop);
/* Is anything asked of the system that is not done: a write, a lookup, a file?
 */
bool loop_has_requests(const struct loop *loop);
/* Milliseconds of the real time, whatever the clock says. */
uint64_t loop_real_time(struct loop *loop);
/* "1.44.2" */
const char *loop_library(void);
/* Closes every handle that is left and runs their close callbacks. */
void loop_close(struct loop *loop);

#endif
