#include "compression.h"

#include "base/mem.h"
#include "proto/framed.h"

void compressions_init(struct compressions *all, struct wheel *wheel) {
  *all = (struct compressions){.wheel = wheel};
  list_init(&all->shared);
  list_init(&all->working);
  wheel_entry_init(&all->timer);
}

void compressions_free(struct compressions *all) {
  for (size_t i = 0; i < all->deflater_count; i++) {
    deflater_free(all->deflaters[i]);
  }
  mem_free(all->deflaters);
  inflater_free(all->inflater);
}

/* ---- what is shared */

static struct inflater *shared_inflater(struct compressions *all) {
  if (!all->inflater) all->inflater = inflater_new(DEFLATE_BITS_MAX, false);
  return all->inflater;
}

static struct deflater *find_deflater(const struct compressions *all, int key) {
  for (size_t i = 0; i < all->deflater_count; i++) {
    if (deflater_key(all->deflaters[i]) == key) return all->deflaters[i];
  }
  return NULL;
}

static bool keep_deflater(struct compressions *all, struct deflater *deflater) {
  size_t count = all->deflater_count + 1;
  struct deflater **grown =
      mem_resize(all->deflaters, count * sizeof(struct deflater *));
  if (!grown) return false;
  grown[all->deflater_count] = deflater;
  all->deflaters = grown;
  all->deflater_count = count;
  return true;
}

/* Takes the new one over: there is one of each kind. */
static struct deflater *share_deflater(struct compressions *all,
                                       struct deflater *deflater) {
  struct deflater *known = find_deflater(all, deflater_key(deflater));
  if (!known && keep_deflater(all, deflater)) return deflater;
  deflater_free(deflater);
  return known;
}

static bool is_same_side(const struct deflate_side *a,
                         const struct deflate_side *b) {
  return a->window_bits == b->window_bits && a->is_named == b->is_named &&
         a->is_fresh == b->is_fresh;
}

static bool is_same(const struct compression *a, const struct compression *b) {
  return a->deflater == b->deflater && a->inflater == b->inflater &&
         a->threshold == b->threshold &&
         is_same_side(&a->terms.server, &b->terms.server) &&
         is_same_side(&a->terms.client, &b->terms.client);
}

static struct compression *find_same(const struct compression *wanted) {
  struct list *shared = &wanted->all->shared;
  for (struct list *link = shared->next; link != shared; link = link->next) {
    struct compression *one = OWNER_OF(link, struct compression, link);
    if (is_same(one, wanted)) return one;
  }
  return NULL;
}

/* ---- a connection's */

static bool set_deflater(struct compression *compression,
                         const struct deflate_settings *settings,
                         const struct deflate_side *ours) {
  if (ours->window_bits < DEFLATE_BITS_MIN) return true;
  bool keeps_context = !ours->is_fresh;
  struct deflater *deflater =
      deflater_new(settings->level, ours->window_bits, settings->memory_level,
                   keeps_context);
  if (deflater && !keeps_context) {
    deflater = share_deflater(compression->all, deflater);
  }
  compression->deflater = deflater;
  compression->owns_deflater = keeps_context;
  return deflater != NULL;
}

static bool set_inflater(struct compression *compression,
                         const struct deflate_side *theirs) {
  compression->owns_inflater = !theirs->is_fresh;
  compression->inflater = theirs->is_fresh
                              ? shared_inflater(compression->all)
                              : inflater_new(theirs->window_bits, true);
  return compression->inflater != NULL;
}

static void release(struct compression *compression) {
  if (compression->owns_deflater) deflater_free(compression->deflater);
  if (compression->owns_inflater) inflater_free(compression->inflater);
}

static struct compression *new_copy(const struct compression *of) {
  struct compression *copy = mem_alloc(sizeof *copy);
  if (!copy) return NULL;
  *copy = *of;
  copy->references = 1;
  list_init(&copy->link);
  list_init(&copy->in_working);
  if (!of->owns_deflater && !of->owns_inflater) {
    list_append(&of->all->shared, &copy->link);
  }
  return copy;
}

struct compression *compression_get(struct compressions *all,
                                    const struct deflate_settings *settings,
                                    const struct deflate_terms *terms,
                                    enum reader_role role) {
  bool is_server = role == READER_SERVER;
  struct compression wanted = {
      .all = all, .terms = *terms, .threshold = settings->threshold};
  struct compression *found = NULL;
  if (set_deflater(&wanted, settings,
                   is_server ? &terms->server : &terms->client) &&
      set_inflater(&wanted, is_server ? &terms->client : &terms->server)) {
    found = find_same(&wanted);
    if (found) {
      found->references++;
      return found;
    }
    found = new_copy(&wanted);
  }
  if (!found) release(&wanted);
  return found;
}

static void stop_working(struct compression *compression) {
  struct compressions *all = compression->all;
  list_remove(&compression->in_working);
  if (list_is_empty(&all->working)) wheel_stop(all->wheel, &all->timer);
}

void compression_drop(struct compression *compression) {
  if (--compression->references > 0) return;
  stop_working(compression);
  list_remove(&compression->link);
  release(compression);
  mem_free(compression);
}

/* ---- contexts that are given back */

static void note_use(struct compression *compression) {
  struct compressions *all = compression->all;
  bool is_first = list_is_empty(&all->working);
  compression->used = clock_now(all->wheel->clock);
  list_remove(&compression->in_working);
  list_append(&all->working, &compression->in_working);
  if (is_first) wheel_start(all->wheel, &all->timer, COMPRESSION_IDLE);
}

void compressions_rest(struct compressions *all) {
  uint64_t now = clock_now(all->wheel->clock);
  while (!list_is_empty(&all->working)) {
    struct compression *first =
        OWNER_OF(all->working.next, struct compression, in_working);
    uint64_t idle = now - first->used;
    if (idle < COMPRESSION_IDLE) {
      wheel_start(all->wheel, &all->timer, COMPRESSION_IDLE - idle);
      return;
    }
    list_remove(&first->in_working);
    deflater_rest(first->deflater);
  }
}

/* ---- messages */

static struct payload *find_twin(const struct payload *frame, int key) {
  struct payload *twin = frame->twin;
  while (twin && twin->tag != key) twin = twin->twin;
  return twin;
}

/* An empty twin says that compressing is of no use. */
static struct payload *make_twin(struct payload *frame,
                                 struct deflater *deflater) {
  struct payload *twin = framed_deflated(frame, deflater);
  if (twin && payload_length(twin) >= payload_length(frame)) {
    payload_drop(twin);
    twin = payload_new(0);
  }
  if (!twin) return NULL;
  twin->tag = deflater_key(deflater);
  twin->twin = frame->twin;
  frame->twin = twin;
  return twin;
}

/* With a context, what it has made must be sent, even if it became longer. */
static struct payload *apply_own(struct compression *compression,
                                 struct payload *frame) {
  struct payload *deflated = framed_deflated(frame, compression->deflater);
  if (!deflated) return payload_hold(frame);
  note_use(compression);
  return deflated;
}

struct payload *compression_apply(struct compression *compression,
                                  struct payload *frame) {
  struct deflater *deflater = compression->deflater;
  if (!deflater || !framed_is_message(frame) ||
      framed_length(frame) < compression->threshold) {
    return payload_hold(frame);
  }
  if (compression->owns_deflater) return apply_own(compression, frame);
  struct payload *twin = find_twin(frame, deflater_key(deflater));
  if (!twin) twin = make_twin(frame, deflater);
  bool is_good = twin && payload_length(twin) > 0;
  return payload_hold(is_good ? twin : frame);
}
