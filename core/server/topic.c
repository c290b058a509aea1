#include "topic.h"

#include "base/hash.h"
#include "base/mem.h"
#include "connection.h"

static struct topic **bucket_of(struct topics *topics, uint64_t hash) {
  return &topics->buckets[hash & (topics->bucket_count - 1)];
}

static struct topic *find(struct topics *topics, struct slice name,
                          uint64_t hash) {
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
                          uint64_t hash) {
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
  uint64_t hash = hash_bytes(name);
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

/* Looks through both lists at once, so the shorter one decides. */
static struct membership *membership_of(const struct topic *topic,
                                        const struct connection *conn) {
  struct membership *membership = conn->memberships;
  for (size_t i = 0; membership && i < topic->count; i++) {
    if (membership->topic == topic) return membership;
    if (topic->members[i]->conn == conn) return topic->members[i];
    membership = membership->next;
  }
  return NULL;
}

static void link_membership(struct connection *conn,
                            struct membership *membership) {
  membership->next = conn->memberships;
  membership->link = &conn->memberships;
  if (membership->next) membership->next->link = &membership->next;
  conn->memberships = membership;
}

static void unlink_membership(struct membership *membership) {
  *membership->link = membership->next;
  if (membership->next) membership->next->link = membership->link;
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
      .place = topic->count,
  };
  link_membership(conn, membership);
  topic->members[topic->count++] = membership;
  if (conn->is_raw) topic->raw_count++;
  if (topic->count == 1) topic->references++;
  return true;
}

/* The last member moves to the place that becomes free. */
static void leave(struct membership *membership) {
  struct topic *topic = membership->topic;
  unlink_membership(membership);
  struct membership *last = topic->members[--topic->count];
  topic->members[membership->place] = last;
  last->place = membership->place;
  if (membership->conn->is_raw) topic->raw_count--;
  mem_free(membership);
  if (topic->count == 0) topic_drop(topic);
}

bool topic_remove(struct topic *topic, struct connection *conn) {
  struct membership *membership = membership_of(topic, conn);
  if (membership) leave(membership);
  return membership != NULL;
}

bool topic_has(const struct topic *topic, const struct connection *conn) {
  return membership_of(topic, conn) != NULL;
}

void topics_leave(struct connection *conn) {
  while (conn->memberships) leave(conn->memberships);
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
