#include "tally.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"

enum { FIRST_BUCKETS = 64 };

struct tally_entry {
  struct tally_entry *next;
  uint64_t key;
  uint32_t count;
};

/* The address in 64 bits. IPv4 has the place of a prefix that is reserved. */
static uint64_t key_of(const struct address *address) {
  uint64_t key = 0;
  size_t length = address->family == 4 ? 4 : 8;
  for (size_t i = 0; i < length; i++) key = key << 8 | address->bytes[i];
  return key;
}

/* By the key of the process: nobody can choose addresses for one bucket. */
static size_t bucket_of(const struct tally *tally, uint64_t key) {
  uint64_t hash = hash_bytes((struct slice){(const char *)&key, sizeof key});
  return (size_t)hash & (tally->bucket_count - 1);
}

/* The link that points to the entry, or NULL. */
static struct tally_entry **find(const struct tally *tally, uint64_t key) {
  if (tally->bucket_count == 0) return NULL;
  struct tally_entry **link = &tally->buckets[bucket_of(tally, key)];
  while (*link && (*link)->key != key) link = &(*link)->next;
  return *link ? link : NULL;
}

static void push(struct tally *tally, struct tally_entry *entry) {
  struct tally_entry **bucket = &tally->buckets[bucket_of(tally, entry->key)];
  entry->next = *bucket;
  *bucket = entry;
}

/* Keeps at least as many buckets as entries. */
static bool grow(struct tally *tally) {
  if (tally->count < tally->bucket_count) return true;
  struct tally old = *tally;
  size_t count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
  struct tally_entry **buckets = mem_alloc_zeroed(count, sizeof *buckets);
  if (!buckets) return false;
  tally->buckets = buckets;
  tally->bucket_count = count;
  for (size_t i = 0; i < old.bucket_count; i++) {
    for (struct tally_entry *entry = old.buckets[i], *next; entry;
         entry = next) {
      next = entry->next;
      push(tally, entry);
    }
  }
  mem_free(old.buckets);
  return true;
}

uint32_t tally_count(const struct tally *tally, const struct address *address) {
  struct tally_entry **link = find(tally, key_of(address));
  return link ? (*link)->count : 0;
}

bool tally_enter(struct tally *tally, const struct address *address) {
  uint64_t key = key_of(address);
  struct tally_entry **link = find(tally, key);
  if (link) {
    (*link)->count++;
    return true;
  }
  if (!grow(tally)) return false;
  struct tally_entry *entry = pool_take(sizeof *entry);
  if (!entry) return false;
  *entry = (struct tally_entry){.key = key, .count = 1};
  push(tally, entry);
  tally->count++;
  return true;
}

void tally_leave(struct tally *tally, const struct address *address) {
  struct tally_entry **link = find(tally, key_of(address));
  struct tally_entry *entry = *link;
  if (--entry->count > 0) return;
  *link = entry->next;
  tally->count--;
  pool_give(entry, sizeof *entry);
}

void tally_free(struct tally *tally) {
  for (size_t i = 0; i < tally->bucket_count; i++) {
    for (struct tally_entry *entry = tally->buckets[i], *next; entry;
         entry = next) {
      next = entry->next;
      pool_give(entry, sizeof *entry);
    }
  }
  mem_free(tally->buckets);
  *tally = (struct tally){0};
}
