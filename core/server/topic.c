#include "topic.h"

#include "base/mem.h"
#include "connection.h"

/* FNV-1a: names are the app's own, and a bucket is a list. */
static uint32_t hash_of(struct slice name) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < name.length; i++) {
    hash = (hash ^ (unsigned char)name.at[i]) * 16777619u;
  }
  return hash;
}

static struct topic **bucket_of(struct topics *topics, uint32_t hash) {
  return &topics->buckets[hash & (topics->bucket_count - 1)];
}

static struct topic *find(struct topics *topics, struct slice name,
                          uint32_t hash) {
  if (topics->bucket_count == 0) return NULL;
  struct topic *topic = *bucket_of(topics, hash);
  for (; topic; topic = topic->next) {
    struct slice its_name = {topic->name, topic->name_length};
    if (topic->hash == hash && slice_equals(its_name, name)) return topic;
  }
  return NULL;
}

/* Keeps at least as many buckets as topics. */
static bool grow(struct topics *topics) {
  if (topics->count < topics->bucket_count) return true;
  size_t old_count = topics->bucket_count;
  struct topic **old = topics->buckets;
  size_t new_count = old_count ? old_count * 2 : 16;
  struct topic **buckets = mem_alloc_zeroed(new_count, sizeof *buckets);
  if (!buckets) return false;
  topics->buckets = buckets;
  topics->bucket_count = new_count;
  for (size_t i = 0; i < old_count; i++) {
    for (struct topic *topic = old[i], *next; topic; topic = next) {
      next = topic->next;
      struct topic **bucket = bucket_of(topics, topic->hash);
      topic->next = *bucket;
      *bucket = topic;
    }
  }
  mem_free(old);
  return true;
}

static struct topic *make(struct topics *topics, struct slice name,
                          uint32_t hash) {
  if (!grow(topics)) return NULL;
  struct topic *topic = mem_alloc(sizeof *topic + name.length);
  if (!topic) return NULL;
  *topic = (struct topic){
      .topics = topics, .hash = hash, .name_length = name.length};
  memcpy(topic->name, name.at, name.length);
  struct topic **bucket = bucket_of(topics, hash);
  topic->next = *bucket;
  *bucket = topic;
  topics->count++;
  return topic;
}

struct topic *topic_get(struct topics *topics, struct slice name) {
  uint32_t hash = hash_of(name);
  struct topic *topic = find(topics, name, hash);
  if (!topic) topic = make(topics, name, hash);
  if (topic) topic->references++;
  return topic;
}

static void forget(struct topic *topic) {
  struct topic **link = bucket_of(topic->topics, topic->hash);
  while (*link != topic) link = &(*link)->next;
  *link = topic->next;
  topic->topics->count--;
  mem_free(topic->members);
  mem_free(topic);
}

void topic_drop(struct topic *topic) {
  if (--topic->references == 0) forget(topic);
}

static struct membership *membership_of(const struct topic *topic,
                                        const struct connection *conn) {
  struct membership *membership = conn->memberships;
  while (membership && membership->topic != topic) {
    membership = membership->next;
  }
  return membership;
}

static bool reserve_member(struct topic *topic) {
  if (topic->count < topic->capacity) return true;
  size_t capacity = topic->capacity ? topic->capacity * 2 : 4;
  struct membership **members =
      mem_resize(topic->members, capacity * sizeof(struct membership *));
  if (!members) return false;
  topic->members = members;
  topic->capacity = capacity;
  return true;
}

bool topic_add(struct topic *topic, struct connection *conn) {
  if (!connection_is_open(conn) || membership_of(topic, conn)) return true;
  if (!reserve_member(topic)) return false;
  struct membership *membership = mem_alloc(sizeof *membership);
  if (!membership) return false;
  *membership = (struct membership){
      .topic = topic,
      .conn = conn,
      .next = conn->memberships,
      .place = topic->count,
  };
  conn->memberships = membership;
  topic->members[topic->count++] = membership;
  if (conn->is_raw) topic->raw_count++;
  if (topic->count == 1) topic->references++;
  return true;
}

/* The last member moves to the place that becomes free. */
static void leave(struct membership *membership) {
  struct topic *topic = membership->topic;
  struct membership *last = topic->members[--topic->count];
  topic->members[membership->place] = last;
  last->place = membership->place;
  if (membership->conn->is_raw) topic->raw_count--;
  mem_free(membership);
  if (topic->count == 0) topic_drop(topic);
}

bool topic_remove(struct topic *topic, struct connection *conn) {
  struct membership **link = &conn->memberships;
  while (*link && (*link)->topic != topic) link = &(*link)->next;
  struct membership *membership = *link;
  if (!membership) return false;
  *link = membership->next;
  leave(membership);
  return true;
}

bool topic_has(const struct topic *topic, const struct connection *conn) {
  return membership_of(topic, conn) != NULL;
}

void topics_leave(struct connection *conn) {
  while (conn->memberships) {
    struct membership *membership = conn->memberships;
    conn->memberships = membership->next;
    leave(membership);
  }
}

size_t topic_broadcast(struct topic *topic, struct payload *frame,
                       struct payload *raw, const struct connection *except) {
  size_t taken = 0;
  for (size_t i = 0; i < topic->count; i++) {
    struct connection *conn = topic->members[i]->conn;
    if (conn == except) continue;
    struct payload *payload = conn->is_raw ? raw : frame;
    if (connection_send(conn, payload) == SEND_QUEUED) taken++;
  }
  return taken;
}

void topics_free(struct topics *topics) {
  mem_free(topics->buckets);
  *topics = (struct topics){0};
}
