/*
 * tls_connection - what the files of a TLS transport share: tls.c (its making
 * and its end), tls_handshake.c (until it is open, or is not), tls_output.c
 * (towards the peer), tls_input.c (from the peer).
 */
#ifndef RATCHET_NET_TLS_CONNECTION_H
#define RATCHET_NET_TLS_CONNECTION_H

#include "base/buffer.h"
#include "tls_config.h"
#include "tls_records.h"
#include "transport.h"

enum tls_state {
  TLS_OPENING,
  TLS_OPEN,
  TLS_BROKEN, /* what still comes is thrown away */
  TLS_CLOSED, /* the transport below is closing */
};

enum { TLS_RECORD_MAX = 16 * 1024 };

/* Owns the transport below until that has told `closed`, and frees itself then;
 * holds its config. */
struct tls {
  struct transport base;
  struct transport *below;
  struct tls_config *config;
  struct slice input; /* what came and is not used yet, while it is told */
  /* Written before it is open; what the transport below is writing; what waits
   * for that. */
  struct buffer early, flying, waiting;
  char *server_name, *why;
  int end; /* 0 or a negative errno; with has_ended */
  struct tls_loan loan;
  uint8_t state;
  bool is_client : 1;
  bool has_begun : 1; /* a byte of the handshake came or went */
  bool is_dry : 1;    /* the library asked for more than there was */
  bool is_corked : 1; /* what the library sends is gathered in `waiting` */
  bool is_sealing : 1;
  bool is_writing : 1; /* the owner waits for `written` */
  bool is_shutting : 1;
  bool said_goodbye : 1;
  bool is_reading : 1;
  bool has_ended : 1;
  uint8_t alert; /* that was sent in clear, or 0 */
  mbedtls_ssl_context ssl;
};

static inline struct tls *tls_of(struct transport *transport) {
  return (struct tls *)transport;
}

/* ---- tls.c */

/* It has failed: the first reason stays. */
__attribute__((format(printf, 3, 4))) void
tls_break_off(struct tls *tls, int error, const char *format, ...);
/* The same for an error of the transport below. */
void tls_lose(struct tls *tls, int error);
/* Tells its owner that it has ended, unless nobody reads. */
void tls_tell_end(struct tls *tls);
/* "server" or "client": what the peer is. */
const char *tls_peer_role(const struct tls *tls);

/* ---- tls_handshake.c */

/* Of a client: whose certificate it must be. False when there is no memory. */
bool tls_expect(struct tls *tls, const char *server_name);
/* As far as the input takes it: what it answers goes out in one piece. Returns
 * 0 when it is done, WANT_READ, or an error of the library. */
int tls_advance(struct tls *tls);
/* The same with what came; it may be open then, which is told. */
void tls_shake_hands(struct tls *tls);

/* ---- tls_output.c */

/* The library's way out: it always gets rid of a whole record. */
int tls_on_send(void *owner, const unsigned char *bytes, size_t length);
/* As much as goes at once; the rest flies. Returns 0 or a negative errno. */
int tls_send_now(struct tls *tls, struct slice bytes);
/* Hands `waiting` to the transport below, whose `written` is heard later. */
int tls_push_out(struct tls *tls);
/* The same with what of it does not go at once. */
int tls_flush(struct tls *tls);
/* Encrypts all at once and gives it to the transport below, so that its
 * `written` is heard. */
int tls_seal_all(struct tls *tls, const struct slice *pieces, size_t count);
/* RFC 8446 6.1: no more will come from us. */
void tls_say_goodbye(struct tls *tls);
/* FIN, once everything is out. */
int tls_finish_shutdown(struct tls *tls);

ssize_t tls_try_write(struct transport *transport, const struct slice *pieces,
                      size_t count);
int tls_write(struct transport *transport, const struct slice *pieces,
              size_t count);
int tls_shutdown(struct transport *transport);

/* ---- tls_input.c */

/* Where all connections read to. False when there is no memory. */
bool tls_make_room(void);
void tls_drop_room(void);
/* The library's way in. */
int tls_on_receive(void *owner, unsigned char *bytes, size_t length);

int tls_start_reading(struct transport *transport);
void tls_stop_reading(struct transport *transport);
void tls_feed(struct transport *transport, uint8_t *bytes, size_t length);

/* The transport below has room for bytes, has some, has ended. */
size_t tls_on_space(void *owner, uint8_t **bytes);
void tls_on_read(void *owner, uint8_t *bytes, size_t length);
void tls_on_ended(void *owner, int error);

#endif
