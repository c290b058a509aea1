/*
 * A connection while TLS is agreed on. Its state is HTTP, also on a raw
 * service; its transport shakes hands, and nobody else has a part in it.
 */
#include "internal.h"

bool securing_is_under_way(const struct connection *conn) {
  return conn->state == CONNECTION_HTTP && conn->transport &&
         conn->transport->is_opening;
}

/* Whatever has come behind a PROXY header is fed to it: see input_pull. */
bool securing_begin(struct connection *conn) {
  struct transport *transport =
      conn->service->secure(conn->service, conn->transport);
  if (!transport) {
    connection_lose(conn, CLOSE_ABNORMAL);
    return false;
  }
  input_take_transport(conn, transport);
  conn->is_secure = true;
  conn->reading = false;
  return true;
}

/* HTTP waits for bytes, which come now. */
void securing_is_done(struct connection *conn) {
  if (conn->state == CONNECTION_HTTP && conn->service->raw) {
    connection_begin(conn, conn->service->raw, CONNECTION_RAW);
  }
}

/* TLS was not agreed on. Its alert is on its way, and closing at once could
 * destroy it. */
void securing_failed(struct connection *conn) {
  struct transport *transport = conn->transport;
  struct refusal refusal = {0, transport->ops->why(transport)};
  if (refusal.reason) connection_note_refusal(conn, &refusal);
  conn->state = CONNECTION_ENDING;
  conn->shut_down = true;
  conn->in.untaken = 0;
  connection_set_timer(conn, CONNECTION_LINGER);
}

void securing_timed_out(struct connection *conn) {
  connection_lose_for(conn, "closed: the TLS handshake took too long");
}
