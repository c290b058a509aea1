/*
 * topic - a named set of connections that one message reaches at once.
 *
 * Membership costs an entry in the topic's array and one in the connection's
 * list; joining, leaving and asking take time by the shorter of the two.
 */
#ifndef RATCHET_SERVER_TOPIC_H
#define RATCHET_SERVER_TOPIC_H

#include "base/payload.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* One connection in one topic; owned by the topic. */
struct membership {
  struct topic *topic;
  struct connection *conn;
  struct membership *next, **link; /* in the connection's list */
  size_t place;                    /* in the topic's members */
};

/* Owned by its references: one of whoever looked it up, one for having
 * members. */
struct topic {
  struct topics *topics;
  struct topic *next; /* in its bucket */
  struct membership **members;
  size_t count, capacity;
  size_t raw_count; /* members that speak no WebSocket */
  uint32_t references;
  uint64_t hash;
  size_t name_length;
  char name[];
};

/* All topics by name. Part of the server; all zero is empty. */
struct topics {
  struct topic **buckets;
  size_t bucket_count, count;
};

/* The topic of that name, made when there is none. One reference for the
 * caller; NULL when there is no memory. */
struct topic *topic_get(struct topics *topics, struct slice name);
void topic_drop(struct topic *topic);

/* False when there is no memory. Adding a member again changes nothing; nor
 * does adding a connection that is no longer open. */
bool topic_add(struct topic *topic, struct connection *conn);
/* False when it was no member. */
bool topic_remove(struct topic *topic, struct connection *conn);
bool topic_has(const struct topic *topic, const struct connection *conn);
/* Ends all memberships of a connection. */
void topics_leave(struct connection *conn);

/* Queues the frame on every member but `except` (which may be NULL), and the
 * raw bytes (NULL when raw_count is 0) on raw ones; returns how many took it.
 */
size_t topic_broadcast(struct topic *topic, struct payload *frame,
                       struct payload *raw, const struct connection *except);

/* Gives the table back; there must be no topic left. */
void topics_free(struct topics *topics);

#endif
