/*
 * endpoint - what answers on an address: the events of one component, and the
 * limits that hold for its connections. The script gives the events a meaning;
 * nothing here knows Lua.
 */
#ifndef RATCHET_SERVER_ENDPOINT_H
#define RATCHET_SERVER_ENDPOINT_H

#include "base/network.h"
#include "proto/deflate_terms.h"
#include "proto/frame.h"
#include "proto/http_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct endpoint;
struct service;
struct transport;

enum overflow {
  OVERFLOW_CLOSE, /* close the slow connection with 1013 */
  OVERFLOW_DROP,  /* leave this message out for it */
};

struct limits {
  uint64_t max_message_size;  /* bytes */
  size_t max_buffered_amount; /* bytes already queued when send is called */
  enum overflow overflow;
  uint32_t keep_alive;    /* ms of silence before a ping; 0 for never */
  uint32_t close_timeout; /* ms for the close handshake */
  uint32_t queue_events;  /* behind a handler that waits; with more of them */
  uint32_t queue_bytes;   /* or of these, the peer is not read */
  struct deflate_settings deflate;
};

extern const struct limits limits_default;

/* Called between hold and drop of the connection, never from inside a parser or
 * a transport: everything that a connection can be asked for is allowed, close
 * and terminate included. Slices are valid during the call. */
struct endpoint_events {
  void (*open)(struct endpoint *endpoint, struct connection *conn);
  /* A whole message; on a raw connection, bytes as they came. During the call,
   * more of them may be had from connection_take_message. */
  void (*message)(struct endpoint *endpoint, struct connection *conn,
                  struct slice message, bool is_binary);
  /* OP_PING or OP_PONG; a ping has been answered already. */
  void (*control)(struct endpoint *endpoint, struct connection *conn,
                  enum opcode opcode, struct slice data);
  void (*drain)(struct endpoint *endpoint, struct connection *conn);
  /* The last event, exactly once for each `open`. */
  void (*close)(struct endpoint *endpoint, struct connection *conn, int code,
                struct slice reason);
  /* Nobody refers to the endpoint any more: free it. */
  void (*unused)(struct endpoint *endpoint);
};

/* Owned by its references: one of whoever made it, one of each connection on
 * it. Embedded in what implements it. */
struct endpoint {
  const struct endpoint_events *events;
  struct limits limits;
  uint32_t references;
};

static inline struct endpoint *endpoint_hold(struct endpoint *endpoint) {
  endpoint->references++;
  return endpoint;
}

static inline void endpoint_drop(struct endpoint *endpoint) {
  if (--endpoint->references == 0) endpoint->events->unused(endpoint);
}

/* Where the body of an answer comes from, piece by piece. Owned by whom it was
 * given to, who calls `drop` once; embedded in what implements it. */
struct answer_source {
  /* The next piece is wanted: exactly one of connection_add_piece,
   * connection_end_answer and connection_fail_answer follows, at once or later.
   */
  void (*next)(struct answer_source *source, struct connection *conn);
  /* No more is wanted, whether it was sent or not. */
  void (*drop)(struct answer_source *source);
};

/* What a listener serves: raw bytes to one endpoint, or HTTP requests. Outlives
 * its connections (it is freed after the server). */
struct service {
  struct endpoint *raw; /* NULL: HTTP */
  /* A request is complete, its body too. Answers at once or later, by exactly
   * one of connection_answer, connection_begin_answer, connection_upgrade,
   * connection_hand_over. The head is valid during the call. */
  void (*request)(struct service *service, struct connection *conn,
                  const struct http_head *head);
  /* A TLS transport round the one that was accepted, or NULL without memory.
   * NULL: the service is not over TLS. */
  struct transport *(*secure)(struct service *service, struct transport *below);
  /* A refusal was answered before anybody was asked, or the connection closed
   * without a word (status 0): for the log. */
  void (*refused)(struct service *service, struct connection *conn,
                  const struct refusal *refusal);
  uint32_t header_timeout; /* ms */
  size_t max_header_size;  /* bytes */
  size_t max_body_size;    /* bytes */
  /* Connections of one address, as server/tally.h has it; 0: no limit. */
  uint32_t max_per_address;
  struct networks trusted; /* proxies; what they say of the client counts */
  bool has_proxy_header;   /* each connection begins with one: proxy_header.h */
};

enum {
  SERVICE_HEADER_TIMEOUT = 10 * 1000,
  SERVICE_MAX_HEADER_SIZE = 16 * 1024,
  SERVICE_MAX_BODY_SIZE = 1024 * 1024,
  SERVICE_BODY_TIMEOUT = 60 * 1000,   /* ms for a whole body */
  SERVICE_DECIDE_TIMEOUT = 60 * 1000, /* ms for the app's answer */
  SERVICE_TAKE_TIMEOUT = 60 * 1000,   /* ms for the peer to take some of one */
};

#endif
