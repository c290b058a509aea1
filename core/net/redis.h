/*
 * redis - one connection to a Redis server: commands go out as bytes that the
 * owner puts together, replies come in by a reader. What the replies belong to,
 * and what happens when the connection is lost, is the owner's.
 */
#ifndef RATCHET_NET_REDIS_H
#define RATCHET_NET_REDIS_H

#include "base/buffer.h"
#include "redis_reader.h"

struct loop;
struct redis;

struct redis_events {
  /* Commands are taken from now on. */
  void (*ready)(void *owner);
  /* Replies may be there: take them all. */
  void (*readable)(void *owner, struct redis_reader *reader);
  /* Never was there, or is no more; no other event comes. To be closed. */
  void (*lost)(void *owner, const char *reason);
};

struct redis_address {
  const char *host; /* a name is looked up without keeping anybody waiting */
  int port;
  const char *path; /* of a unix socket, in place of both; or NULL */
};

/* Begins to connect; borrows the address for the time of the call. NULL when
 * there is no memory. No event is told from inside of any of these functions.
 */
struct redis *redis_open(struct loop *loop, const struct redis_address *address,
                         size_t max_reply, const struct redis_events *events,
                         void *owner);
/* Where commands are appended. What is there is sent by redis_flush. */
struct buffer *redis_output(struct redis *redis);
void redis_flush(struct redis *redis);
/* Bytes that the server has not taken yet. */
size_t redis_queued(const struct redis *redis);
/* Stops and starts reading. */
void redis_pause(struct redis *redis);
void redis_resume(struct redis *redis);
/* Ends it; nothing is told any more. It is freed by the loop. */
void redis_close(struct redis *redis);

#endif
