#include "clock.h"

static uint64_t manual_now(struct clock *clock) {
  return ((struct manual_clock *)clock)->time;
}

static void manual_set_alarm(struct clock *clock, uint64_t when) {
  ((struct manual_clock *)clock)->alarm = when;
}

void manual_clock_init(struct manual_clock *clock) {
  *clock = (struct manual_clock){
      .face = {.now = manual_now, .set_alarm = manual_set_alarm},
      .time = 1000,
  };
}

void manual_clock_advance(struct manual_clock *clock, uint64_t milliseconds) {
  uint64_t end = clock->time + milliseconds;
  while (clock->alarm != CLOCK_NEVER && clock->alarm <= end) {
    if (clock->alarm > clock->time) clock->time = clock->alarm;
    clock->alarm = CLOCK_NEVER;
    clock->face.ring(clock->face.owner);
  }
  clock->time = end;
}
