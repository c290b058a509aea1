/*
 * A connection that comes by way of a proxy: the PROXY header before its first
 * byte, and what the headers of each request say of the client. About a bad
 * PROXY header nobody can be told: the peer is a proxy, or means to be taken
 * for one.
 */
#include "base/mem.h"
#include "internal.h"
#include "proto/forwarded.h"
#include "proto/proxy_header.h"

void proxy_timed_out(struct connection *conn) {
  connection_lose_for(conn, "closed: the PROXY header took too long");
}

/* Whom the connection speaks for, as far as no request says more. */
static struct address before(const struct connection *conn) {
  return conn->client ? conn->client->before : conn->peer;
}

static bool is_peer(const struct connection *conn,
                    const struct address *address) {
  return address_equals(address, &conn->peer) &&
         address->port == conn->peer.port;
}

/* Keeps what is known of the client; nothing, where that is the peer. */
static bool set_client(struct connection *conn, struct address origin,
                       struct forwarded told) {
  bool is_known = is_peer(conn, &origin) && is_peer(conn, &told.client);
  if (is_known && !told.is_secure && !conn->client) return true;
  if (!conn->client) conn->client = mem_alloc(sizeof *conn->client);
  if (!conn->client) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  *conn->client = (struct client){origin, told.client, told.is_secure};
  return true;
}

/* ---- the PROXY header */

/* What came behind the header is the service's. */
static void serve_rest(struct connection *conn, size_t header_length) {
  buffer_consume(&conn->unread, header_length);
  conn->pull_due = conn->unread.length > 0;
  server_mark(conn->server, conn);
  connection_serve(conn);
}

/* Where proxies are named, no other may say that it is one. */
static bool may_speak(const struct connection *conn) {
  const struct networks *trusted = &conn->service->trusted;
  return trusted->count == 0 || networks_have(trusted, &conn->peer);
}

static void accept_header(struct connection *conn,
                          const struct proxy_header *header) {
  if (!may_speak(conn)) {
    connection_lose_for(
        conn, "closed: its PROXY header is not that of a trusted proxy");
    return;
  }
  struct address source = header->has_source ? header->source : conn->peer;
  struct forwarded told = {.client = source};
  if (set_client(conn, source, told)) serve_rest(conn, header->length);
}

void proxy_receive(struct connection *conn, const uint8_t *bytes,
                   size_t length) {
  struct proxy_header header;
  if (!buffer_append(&conn->unread, bytes, length)) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return;
  }
  switch (proxy_header_read(conn->unread.bytes, conn->unread.length, &header)) {
  case PROXY_HEADER_UNFINISHED: break;
  case PROXY_HEADER_WHOLE: accept_header(conn, &header); break;
  case PROXY_HEADER_MALFORMED:
    connection_lose_for(conn, "closed: it does not begin with a PROXY header");
    break;
  }
}

/* ---- the headers of a request */

void proxy_forget_client(struct connection *conn) {
  if (!conn->client) return;
  conn->client->address = conn->client->before;
  conn->client->is_secure = false;
}

bool proxy_read_client(struct connection *conn, const struct http_head *head) {
  static const struct refusal doubt = {
      0, "Forwarded and X-Forwarded-For name different clients: neither is "
         "believed"};
  const struct networks *trusted = &conn->service->trusted;
  struct forwarded told = {.client = before(conn)};
  if (trusted->count == 0) return true;
  if (!forwarded_read(head, trusted, before(conn), &told)) {
    connection_note_refusal(conn, &doubt);
  }
  return set_client(conn, before(conn), told);
}
