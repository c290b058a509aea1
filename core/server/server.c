#include "server.h"

#include "base/mem.h"
#include "caller.h"
#include "connection.h"
#include "internal.h"

#include <errno.h>

/* Once for each server_drain. */
static void end_drain(struct server *server) {
  void (*drained)(void *owner) = server->drained;
  if (!drained) return;
  server->drained = NULL;
  wheel_stop(&server->wheel, &server->drain_timer);
  drained(server->owner);
}

static void expired(struct wheel *wheel, struct wheel_entry *entry) {
  struct server *server = OWNER_OF(wheel, struct server, wheel);
  switch ((enum timer_owner)entry->owner) {
  case TIMER_OF_CONNECTION:
    connection_timed_out(OWNER_OF(entry, struct connection, timer));
    break;
  case TIMER_OF_CALLER:
    caller_timed_out(OWNER_OF(entry, struct caller, timer));
    break;
  case TIMER_OF_DRAIN: end_drain(server); break;
  case TIMER_OF_COMPRESSIONS: compressions_rest(&server->compressions); break;
  }
}

int server_init(struct server *server, struct clock *clock) {
  *server = (struct server){
      .clock = clock,
      .max_connections = SIZE_MAX,
      .drain_timeout = SERVER_DRAIN_TIMEOUT,
  };
  server->gather = mem_alloc(SEND_GATHER_MAX);
  if (!server->gather) return -ENOMEM;
  list_init(&server->connections);
  list_init(&server->due);
  list_init(&server->later);
  wheel_init(&server->wheel, clock, expired);
  wheel_entry_init(&server->drain_timer);
  server->drain_timer.owner = TIMER_OF_DRAIN;
  compressions_init(&server->compressions, &server->wheel);
  server->compressions.timer.owner = TIMER_OF_COMPRESSIONS;
  return 0;
}

/* Raw TCP has no words for it, and TLS would have to be agreed on first. */
static void refuse(struct server *server, struct service *service,
                   struct transport *transport, const struct address *peer,
                   const struct refusal *refusal) {
  if (service->raw || service->secure) {
    transport->ops->close(transport);
    return;
  }
  struct connection *conn = connection_accept(server, service, transport, peer);
  if (!conn) return;
  conn->is_refused = true;
  if (server->refused++ < SERVER_REFUSED_MAX && !transport->is_last)
    http_refuse(conn, refusal);
  else
    http_refuse_abruptly(conn, refusal);
}

/* Are only so many of that address served? Peers without one (of a unix socket)
 * are one host, and proxies speak for many. */
static bool is_limited(const struct service *service,
                       const struct address *peer) {
  if (service->max_per_address == 0 || service->has_proxy_header) return false;
  return peer->family != 0 && !networks_have(&service->trusted, peer);
}

static void accept_counted(struct server *server, struct service *service,
                           struct transport *transport,
                           const struct address *peer) {
  static const struct refusal too_many = {
      429, "This address has too many connections."};
  bool is_counted = is_limited(service, peer);
  if (is_counted &&
      tally_count(&server->tally, peer) >= service->max_per_address) {
    refuse(server, service, transport, peer, &too_many);
    return;
  }
  struct connection *conn = connection_accept(server, service, transport, peer);
  if (!conn) return;
  conn->is_counted = is_counted && tally_enter(&server->tally, peer);
  if (is_counted && !conn->is_counted)
    connection_terminate(conn);
  else
    connection_start(conn);
}

void server_accept(struct server *server, struct service *service,
                   struct transport *transport) {
  static const struct refusal full = {503, "no more connections are served"};
  bool is_full = server->count - server->refused - server->outgoing >=
                 server->max_connections;
  /* Once: asked again, the peer may be gone. */
  struct address peer = transport->ops->peer(transport);
  if (server->draining)
    transport->ops->close(transport);
  else if (is_full || transport->is_last)
    refuse(server, service, transport, &peer, &full);
  else
    accept_counted(server, service, transport, &peer);
}

void server_mark(struct server *server, struct connection *conn) {
  if (list_is_empty(&conn->in_due)) list_append(&server->due, &conn->in_due);
}

void server_mark_later(struct server *server, struct connection *conn) {
  if (list_is_empty(&conn->in_due)) list_append(&server->later, &conn->in_due);
}

bool server_has_more(const struct server *server) {
  return !list_is_empty(&server->later);
}

/* What one connection's events cause on others is done in the same turn. */
void server_turn(struct server *server) {
  struct list *link;
  server->turn++;
  list_move_all(&server->due, &server->later);
  while ((link = list_take_first(&server->due))) {
    connection_do_due(OWNER_OF(link, struct connection, in_due));
  }
}

void server_terminate(struct server *server) {
  struct list *link = server->connections.next, *next;
  for (; link != &server->connections; link = next) {
    next = link->next;
    connection_terminate(OWNER_OF(link, struct connection, in_server));
  }
}

/* A request that is not whole yet will not be served; an answer that is on its
 * way still goes out. */
static void say_goodbye(struct connection *conn) {
  bool is_between = conn->state == CONNECTION_HTTP && conn->has_answered;
  if (is_between)
    connection_end(conn);
  else if (conn->state == CONNECTION_ASKING ||
           (conn->state <= CONNECTION_BODY && !conn->is_raw)) {
    connection_terminate(conn);
  } else {
    connection_close(conn, CLOSE_GOING_AWAY, SLICE("the server goes away"));
  }
}

static void say_goodbye_to(struct server *server, bool is_outgoing) {
  struct list *link = server->connections.next, *next;
  for (; link != &server->connections; link = next) {
    next = link->next;
    struct connection *conn = OWNER_OF(link, struct connection, in_server);
    if (conn->is_outgoing == is_outgoing) say_goodbye(conn);
  }
}

/* A peer of ours that does not answer keeps the process for a moment only. */
static void part_with_outgoing(struct server *server) {
  say_goodbye_to(server, true);
  wheel_start(&server->wheel, &server->drain_timer, SERVER_LAST_GOODBYE);
}

void server_note_gone(struct server *server) {
  if (!server->drained) return;
  if (server->count == 0)
    end_drain(server);
  else if (server->count == server->outgoing && !server->is_parting) {
    server->is_parting = true;
    part_with_outgoing(server);
  }
}

void server_drain(struct server *server, void (*drained)(void *owner),
                  void *owner) {
  bool is_second = server->draining;
  server->draining = true;
  server->drained = drained;
  server->owner = owner;
  if (is_second) {
    end_drain(server);
    return;
  }
  wheel_start(&server->wheel, &server->drain_timer, server->drain_timeout);
  say_goodbye_to(server, false);
  server_note_gone(server);
}

void server_free(struct server *server) {
  topics_free(&server->topics);
  tally_free(&server->tally);
  compressions_free(&server->compressions);
  mem_free(server->gather);
}
