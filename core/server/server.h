/*
 * server - all connections, and the end of a turn: whatever is due on a
 * connection (bytes to write, events to tell) is done there, from the top, so
 * that an app is never entered from inside another of its own calls.
 */
#ifndef RATCHET_SERVER_SERVER_H
#define RATCHET_SERVER_SERVER_H

#include "base/list.h"
#include "compression.h"
#include "net/transport.h"
#include "tally.h"
#include "topic.h"
#include "wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct service;

/* Whose entry of the wheel it is: wheel_entry.owner. */
enum timer_owner {
  TIMER_OF_CONNECTION,
  TIMER_OF_CALLER,
  TIMER_OF_DRAIN,        /* the server's own, while it drains */
  TIMER_OF_COMPRESSIONS, /* while there are contexts to give back */
};

/* Owned by main (or a test), by value; borrows the clock. Owns its connections,
 * tally, topics and compressions. */
struct server {
  struct clock *clock;
  struct wheel wheel;
  struct list connections;
  struct list due;   /* connections that something is due on */
  struct list later; /* the same, in the next turn */
  uint32_t turn;     /* counts them */
  struct topics topics;
  struct tally tally; /* of addresses, for services that limit them */
  struct compressions compressions;
  struct pull *pull;         /* what is being read, while it is: websocket.c */
  struct question *question; /* what is asked, while it is: upgrade.c */
  uint8_t *gather;           /* small frames on their way into one write */
  uint64_t last_id;
  size_t count, max_connections;
  size_t refused;         /* of `count`: those that are being told so */
  size_t outgoing;        /* of `count`: those that we are the client of */
  uint32_t drain_timeout; /* ms */
  bool draining;
  bool is_parting; /* from those that go out, the last */
  struct wheel_entry drain_timer;
  void (*drained)(void *owner); /* server_drain is done */
  void *owner;
};

enum {
  SERVER_DRAIN_TIMEOUT = 10 * 1000,
  SERVER_LAST_GOODBYE = 1000, /* ms for those that go out to close */
  /* So many at a time are refused politely, which takes a moment; further ones
   * are closed at once, lest they use the descriptors up. */
  SERVER_REFUSED_MAX = 8,
};

/* Takes over the clock's alarm. 0 or a negative errno. */
int server_init(struct server *server, struct clock *clock);
/* A listener's new transport, to be served by `service`. Refuses with 503 when
 * max_connections are there already or descriptors run out, with 429 when its
 * address has as many as the service lets it have; without a word on a raw
 * service. */
void server_accept(struct server *server, struct service *service,
                   struct transport *transport);
/* Does what is due; call at the end of each turn of the loop. */
void server_turn(struct server *server);
/* Something is due on the connection at the end of this turn. */
void server_mark(struct server *server, struct connection *conn);
/* The same for the next turn, which server_has_more says should be soon. */
void server_mark_later(struct server *server, struct connection *conn);
bool server_has_more(const struct server *server);
/* Says goodbye (1001) to all, to those that go out last, when nobody is left
 * whom they might serve; calls `drained` when they are gone, or when
 * drain_timeout is over, whoever is left. A second call does not wait: it calls
 * `drained` at once. */
void server_drain(struct server *server, void (*drained)(void *owner),
                  void *owner);
/* Drops every connection at once. Their transports' `closed` must still be
 * heard before server_free. */
void server_terminate(struct server *server);
void server_free(struct server *server);

#endif
