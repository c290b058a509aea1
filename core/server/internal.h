/*
 * internal - what the files of a connection share: connection.c (its life),
 * input.c (what comes), securing.c (while TLS is agreed on), proxy.c (whom it
 * comes from), http.c (requests), answer.c (their answers), upgrade.c (the
 * 101), opening.c (before the upgrade of one that goes out), websocket.c (after
 * it), output.c (what goes).
 */
#ifndef RATCHET_SERVER_INTERNAL_H
#define RATCHET_SERVER_INTERNAL_H

#include "connection.h"

/* ---- connection.c */

/* How long the peer's FIN is waited for after ours at least, in ms. */
enum { CONNECTION_LINGER = 1000 };

/* Sets the state's deadline; 0 for none. */
void connection_set_timer(struct connection *conn, uint64_t delay);
/* Gives the peer close_timeout from now. */
void connection_wait_for_end(struct connection *conn);
/* From now on nothing is delivered: flush, FIN, close. */
void connection_end(struct connection *conn);
/* The peer is gone: closes the transport now. */
void connection_lose(struct connection *conn, int code);
/* The same, with nothing to be told. */
void connection_close_transport(struct connection *conn);
/* Why it is not served, for the log. */
void connection_note_refusal(struct connection *conn,
                             const struct refusal *refusal);
/* The same, and its end, of which the peer is told nothing. */
void connection_lose_for(struct connection *conn, const char *reason);
/* Notes code and reason of the close event, the first time only. */
void connection_note_close(struct connection *conn, int code,
                           struct slice reason);
/* The endpoint has it from here on; tells `open`. */
void connection_begin(struct connection *conn, struct endpoint *endpoint,
                      enum connection_state state);
/* What precedes the service's bytes is over: they go to it from here on. */
void connection_serve(struct connection *conn);
/* What server_mark and the wheel lead to. */
void connection_do_due(struct connection *conn);
void connection_timed_out(struct connection *conn);

static inline uint32_t connection_tick(const struct connection *conn) {
  return (uint32_t)(clock_now(conn->server->clock) / WHEEL_TICK);
}
/* Anything came from the peer, or was taken by it: it is alive. */
static inline void connection_heard(struct connection *conn) {
  conn->heard = connection_tick(conn);
  conn->pinged = false;
}

/* ---- input.c */

/* From here on the transport tells this connection. */
void input_take_transport(struct connection *conn, struct transport *transport);
/* Reads or not, as state and pauses have it. */
void input_update(struct connection *conn);
/* Keeps bytes for later. */
void input_keep(struct connection *conn, const uint8_t *bytes, size_t length);
/* Later has come. */
void input_pull(struct connection *conn);
/* FIN came while an answer was on its way: ends it once all that came before
 * has been delivered. */
void input_end(struct connection *conn);
/* Frees what was made of what came. Not at once when the input ends: its bytes
 * may be in the hands of a handler that is just closing the connection. */
void input_free(struct connection *conn);

/* ---- securing.c */

/* Puts TLS round the transport. False: the connection is lost. */
bool securing_begin(struct connection *conn);
bool securing_is_under_way(const struct connection *conn);
void securing_is_done(struct connection *conn);
void securing_failed(struct connection *conn);
void securing_timed_out(struct connection *conn);

/* ---- server.c */

/* A connection is gone: server_drain may go on, or be over. */
void server_note_gone(struct server *server);

/* ---- http.c */

void http_receive(struct connection *conn, uint8_t *bytes, size_t length);
void http_refuse(struct connection *conn, const struct refusal *refusal);
void http_timed_out(struct connection *conn);
void http_free_body(struct connection *conn);
/* The answer is queued: the next request, or the end. */
void http_answered(struct connection *conn);
/* The peer sends no more: ends it when no whole request of its is left. */
void http_end_after_peer(struct connection *conn);
/* As http_refuse, but does not wait for the peer: closes at once. */
void http_refuse_abruptly(struct connection *conn,
                          const struct refusal *refusal);

/* Keeps the bytes of the head. False: no memory. */
bool connection_keep_head(struct connection *conn, const char *bytes,
                          size_t length);

/* ---- upgrade.c */

/* The request that a service is being asked about. On the stack of http.c, for
 * as long; an upgrade that is decided meanwhile need not read the head again.
 */
struct question {
  const struct connection *conn;
  const struct http_head *head;
  bool is_good; /* a handshake: connection_may_upgrade has found so */
};

/* Keeps it behind the head. False: no memory. */
bool connection_keep_protocol(struct connection *conn, struct slice protocol);

/* ---- opening.c; the state is ASKING */

void opening_receive(struct connection *conn, const uint8_t *bytes,
                     size_t length);
void opening_timed_out(struct connection *conn);
/* FIN. */
void opening_ended(struct connection *conn);
/* Tells it, once. */
void opening_fail(struct connection *conn, const char *reason);
void opening_free(struct connection *conn);

/* ---- answer.c */

/* Asks for the next piece if it is time for it; at the end of a turn only. */
void answer_ask(struct connection *conn);
/* What is queued has been offered to the peer. */
void answer_flushed(struct connection *conn);
void answer_timed_out(struct connection *conn);
void answer_free(struct connection *conn);

/* ---- proxy.c */

/* Bytes of the PROXY header, and maybe of what follows it. */
void proxy_receive(struct connection *conn, const uint8_t *bytes,
                   size_t length);
void proxy_timed_out(struct connection *conn);
/* Finds out whom the request comes from. False: the connection is lost. */
bool proxy_read_client(struct connection *conn, const struct http_head *head);
/* The next request may be another client's. */
void proxy_forget_client(struct connection *conn);

/* ---- websocket.c */

void websocket_begin(struct connection *conn);
void websocket_receive(struct connection *conn, uint8_t *bytes, size_t length);
/* Fails the connection (RFC 6455 7.1.7): close frame, then the end. */
void websocket_fail(struct connection *conn, int code, const char *reason);
/* No byte came for the keep-alive time. */
void websocket_silent(struct connection *conn);

/* ---- output.c */

/* Queues a payload whatever the limits say, and drops the caller's reference.
 * NULL (no memory) loses the connection. */
void output_add(struct connection *conn, struct payload *payload);
/* The same with bytes, which it frees; unless they are whole (there was no
 * memory for more) the connection is lost. */
void output_add_bytes(struct connection *conn, struct buffer *bytes,
                      bool is_whole);
void output_flush(struct connection *conn);
/* Has the peer taken enough to be sent more? */
bool output_is_low(const struct connection *conn);
/* The transport has written what it held back. */
void output_written(struct connection *conn, int error);

#endif
