#include "impairment.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <errno.h>

enum {
  HELD_MAX = 64 * 1024, /* that wait here before try_write takes no more */
  SCRATCH = 1024,
  PAUSE = 50, /* ms */
};

/* Owns the transport inside; freed when that is closed. */
struct impaired {
  struct transport base;
  struct list in_network;
  struct transport *inner;
  struct clock *clock;
  struct alarm alarm; /* the bandwidth allows more then */
  struct impairment impairment;
  size_t next_piece;
  struct buffer held; /* on its way out */
  uint64_t since;     /* the time up to which the budgets are counted */
  size_t out_budget, in_budget; /* bytes */
  bool has_moved;               /* something, since the last run */
  bool reading;                 /* the owner reads */
  bool writing;                 /* the owner waits for `written` */
  bool shutting_down, closed;
  uint8_t scratch[SCRATCH];
};

static struct impaired *impaired_of(struct transport *transport) {
  return (struct impaired *)transport;
}

static bool is_limited(const struct impaired *impaired) {
  return impaired->impairment.rate > 0;
}

static bool passes(const struct impaired *impaired) {
  return !is_limited(impaired) && impaired->impairment.count == 0 &&
         impaired->held.length == 0;
}

/* ---- the bandwidth */

/* What was not used does not add up: a second's worth at most. */
static void count_budgets(struct impaired *impaired) {
  uint64_t now = clock_now(impaired->clock), passed = now - impaired->since;
  size_t rate = impaired->impairment.rate;
  uint64_t more = passed > 1000 ? rate : rate * passed / 1000;
  if (more == 0) return;
  impaired->since = now;
  impaired->out_budget += more;
  impaired->in_budget += more;
  if (impaired->out_budget > rate) impaired->out_budget = rate;
  if (impaired->in_budget > rate) impaired->in_budget = rate;
}

static void read_on(struct impaired *impaired) {
  if (!impaired->reading || impaired->closed) return;
  impaired->inner->ops->start_reading(impaired->inner);
}

/* A byte's time from now, and long enough for it to be worth the while. */
static void wait_for_budget(struct impaired *impaired) {
  uint64_t byte = 1000 / impaired->impairment.rate + 1;
  if (clock_has(&impaired->alarm)) return;
  clock_set(impaired->clock, &impaired->alarm,
            clock_now(impaired->clock) + (byte > PAUSE ? byte : PAUSE));
}

static void on_alarm(struct alarm *alarm) {
  struct impaired *impaired = OWNER_OF(alarm, struct impaired, alarm);
  count_budgets(impaired);
  read_on(impaired); /* what is held goes out in the next run */
}

/* ---- out */

static size_t due_now(struct impaired *impaired) {
  const struct impairment *impairment = &impaired->impairment;
  size_t due = impaired->held.length;
  if (impairment->count > 0) {
    size_t piece = impairment->pieces[impaired->next_piece % impairment->count];
    if (piece < due) due = piece;
  }
  if (!is_limited(impaired)) return due;
  count_budgets(impaired);
  if (due > impaired->out_budget) due = impaired->out_budget;
  if (due == 0) wait_for_budget(impaired);
  return due;
}

static void tell_written(struct impaired *impaired, int error) {
  impaired->writing = false;
  impaired->base.events->written(impaired->base.owner, error);
}

/* A piece that the other side has no room for yet is a piece later. */
static bool let_out(struct impaired *impaired) {
  size_t due = due_now(impaired);
  if (due == 0) return false;
  struct slice piece = {(const char *)impaired->held.bytes, due};
  ssize_t out = impaired->inner->ops->try_write(impaired->inner, &piece, 1);
  if (out == 0) return false;
  if (out < 0) { /* reading tells why */
    buffer_free(&impaired->held);
    return false;
  }
  impaired->next_piece++;
  if (is_limited(impaired)) impaired->out_budget -= (size_t)out;
  buffer_consume(&impaired->held, (size_t)out);
  return true;
}

static bool run(struct impaired *impaired) {
  if (impaired->closed) return false;
  bool has_moved = impaired->has_moved;
  impaired->has_moved = false;
  if (impaired->held.length > 0 && let_out(impaired)) has_moved = true;
  if (impaired->writing && impaired->held.length < HELD_MAX) {
    tell_written(impaired, 0);
    return true;
  }
  if (impaired->shutting_down && impaired->held.length == 0) {
    impaired->shutting_down = false;
    impaired->inner->ops->shutdown(impaired->inner);
  }
  return has_moved;
}

bool impairments_run(struct list *impairments) {
  bool has_moved = false;
  struct list *at = impairments->next, *next;
  for (; at != impairments; at = next) {
    next = at->next; /* nothing is freed from inside of run */
    struct impaired *impaired = OWNER_OF(at, struct impaired, in_network);
    has_moved = run(impaired) || has_moved;
  }
  return has_moved;
}

static ssize_t hold(struct impaired *impaired, const struct slice *pieces,
                    size_t count, size_t most) {
  size_t taken = 0;
  for (size_t i = 0; i < count; i++) {
    size_t room =
        most > impaired->held.length ? most - impaired->held.length : 0;
    size_t n = pieces[i].length < room ? pieces[i].length : room;
    if (!buffer_append(&impaired->held, pieces[i].at, n)) return -ENOMEM;
    taken += n;
    if (n < pieces[i].length) break;
  }
  return (ssize_t)taken;
}

/* ---- as a transport */

static int start_reading(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  impaired->reading = true;
  return impaired->inner->ops->start_reading(impaired->inner);
}

static void stop_reading(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  impaired->reading = false;
  impaired->inner->ops->stop_reading(impaired->inner);
}

static ssize_t try_write(struct transport *transport,
                         const struct slice *pieces, size_t count) {
  struct impaired *impaired = impaired_of(transport);
  impaired->has_moved = true;
  if (passes(impaired)) {
    return impaired->inner->ops->try_write(impaired->inner, pieces, count);
  }
  return hold(impaired, pieces, count, HELD_MAX);
}

static int write_rest(struct transport *transport, const struct slice *pieces,
                      size_t count) {
  struct impaired *impaired = impaired_of(transport);
  if (passes(impaired)) {
    return impaired->inner->ops->write(impaired->inner, pieces, count);
  }
  ssize_t held = hold(impaired, pieces, count, SIZE_MAX);
  if (held < 0) return (int)held;
  impaired->writing = true;
  return 0;
}

static size_t untaken(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  return impaired->held.length + impaired->inner->ops->untaken(impaired->inner);
}

static int shut_down(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  if (impaired->held.length == 0) {
    return impaired->inner->ops->shutdown(impaired->inner);
  }
  impaired->shutting_down = true;
  return 0;
}

static void close_both(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  impaired->closed = true;
  clock_clear(impaired->clock, &impaired->alarm);
  impaired->inner->ops->close(impaired->inner);
}

static struct address peer(struct transport *transport) {
  struct impaired *impaired = impaired_of(transport);
  return impaired->inner->ops->peer(impaired->inner);
}

static const struct transport_ops impaired_ops = {
    .start_reading = start_reading,
    .stop_reading = stop_reading,
    .try_write = try_write,
    .write = write_rest,
    .untaken = untaken,
    .shutdown = shut_down,
    .close = close_both,
    .peer = peer,
};

/* ---- as the owner of the transport inside */

static size_t inner_space(void *owner, uint8_t **bytes) {
  struct impaired *impaired = owner;
  size_t wanted = impaired->base.events->space(impaired->base.owner, bytes);
  if (!is_limited(impaired)) return wanted;
  if (wanted == 0) {
    *bytes = impaired->scratch;
    wanted = sizeof impaired->scratch;
  }
  count_budgets(impaired);
  /* Reading was stopped at 0; a byte that comes all the same is let in. */
  if (impaired->in_budget == 0) return 1;
  return wanted < impaired->in_budget ? wanted : impaired->in_budget;
}

static void inner_read(void *owner, uint8_t *bytes, size_t length) {
  struct impaired *impaired = owner;
  impaired->has_moved = true;
  if (is_limited(impaired)) {
    size_t budget = impaired->in_budget;
    impaired->in_budget = length < budget ? budget - length : 0;
    if (impaired->in_budget == 0) {
      impaired->inner->ops->stop_reading(impaired->inner);
      wait_for_budget(impaired);
    }
  }
  impaired->base.events->read(impaired->base.owner, bytes, length);
}

static void inner_ended(void *owner, int error) {
  struct impaired *impaired = owner;
  impaired->has_moved = true;
  impaired->base.events->ended(impaired->base.owner, error);
}

static void inner_written(void *owner, int error) {
  struct impaired *impaired = owner;
  impaired->has_moved = true;
  impaired->base.events->written(impaired->base.owner, error);
}

static void inner_closed(void *owner) {
  struct impaired *impaired = owner;
  const struct transport_events *events = impaired->base.events;
  void *above = impaired->base.owner;
  list_remove(&impaired->in_network);
  buffer_free(&impaired->held);
  mem_free(impaired);
  if (events) events->closed(above);
}

static const struct transport_events inner_events = {
    .space = inner_space,
    .read = inner_read,
    .ended = inner_ended,
    .written = inner_written,
    .closed = inner_closed,
};

struct transport *impairment_new(struct transport *inner, struct clock *clock,
                                 struct list *impairments) {
  struct impaired *impaired = mem_alloc_zeroed(1, sizeof *impaired);
  if (!impaired) {
    inner->ops->close(inner);
    return NULL;
  }
  impaired->base =
      (struct transport){.ops = &impaired_ops, .is_last = inner->is_last};
  impaired->inner = inner;
  impaired->clock = clock;
  impaired->since = clock_now(clock);
  impaired->alarm.ring = on_alarm;
  inner->events = &inner_events;
  inner->owner = impaired;
  list_append(impairments, &impaired->in_network);
  return &impaired->base;
}

bool impairment_set(struct transport *transport,
                    const struct impairment *impairment) {
  struct impaired *impaired = impaired_of(transport);
  if (transport->ops != &impaired_ops) return false;
  clock_clear(impaired->clock, &impaired->alarm);
  impaired->impairment = *impairment;
  impaired->next_piece = 0;
  impaired->since = clock_now(impaired->clock);
  impaired->out_budget = impaired->in_budget = 0;
  if (is_limited(impaired)) {
    impaired->inner->ops->stop_reading(impaired->inner);
    wait_for_budget(impaired);
  } else {
    read_on(impaired);
  }
  return true;
}
