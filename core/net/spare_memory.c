#include "spare_memory.h"

#include "base/mem.h"
#include "base/owner.h"
#include "base/pool.h"

/* Finding it takes longer the more is in use: an eighth of that may stay. */
static bool is_much(size_t bytes) {
  return bytes > SPARE_MEMORY_MOST && bytes > mem_used() / 8;
}

static size_t difference(size_t high, size_t low) {
  return high > low ? high - low : 0;
}

/* A burst that comes again and again needs its memory again and again. */
static void ring(struct alarm *alarm) {
  struct spare_memory *spare = OWNER_OF(alarm, struct spare_memory, alarm);
  if (!is_much(difference(spare->peak, mem_used_most()))) return;
  spare->given = clock_now(spare->clock);
  pool_drain();
  mem_trim();
}

void spare_memory_init(struct spare_memory *spare, struct clock *clock) {
  *spare = (struct spare_memory){.clock = clock, .alarm.ring = ring};
}

void spare_memory_watch(struct spare_memory *spare) {
  if (clock_has(&spare->alarm)) return;
  size_t peak = mem_used_most();
  if (!is_much(difference(peak, mem_used()))) return;
  uint64_t now = clock_now(spare->clock), due = now + SPARE_MEMORY_IDLE;
  uint64_t next = spare->given + SPARE_MEMORY_PAUSE;
  spare->peak = peak;
  mem_forget_most();
  clock_set(spare->clock, &spare->alarm,
            spare->given > 0 && due < next ? next : due);
}

void spare_memory_stop(struct spare_memory *spare) {
  clock_clear(spare->clock, &spare->alarm);
}
