/*
 * A TLS transport towards the peer: what is written becomes full records, and
 * what of them the transport below does not take flies or waits here. Whatever
 * the library says by itself goes the same way.
 *
 *   written --seal--> record --send_now--> the transport below
 *      |                 '--not taken--> flying, waiting --written--> ...
 *      '--not open yet--> early
 */
#include "tls_connection.h"

#include <uv.h>

/* Of what the library says by itself (alerts) to a peer that does not read. */
enum { UNREAD_MAX = 64 * 1024 };

int tls_push_out(struct tls *tls) {
  if (tls->flying.length > 0 || tls->waiting.length == 0) return 0;
  tls->flying = tls->waiting;
  tls->waiting = (struct buffer){0};
  struct slice piece = {(const char *)tls->flying.bytes, tls->flying.length};
  return tls->below->ops->write(tls->below, &piece, 1);
}

int tls_send_now(struct tls *tls, struct slice bytes) {
  ssize_t sent = tls->below->ops->try_write(tls->below, &bytes, 1);
  if (sent < 0) return (int)sent;
  if ((size_t)sent == bytes.length) return 0;
  if (!buffer_append(&tls->waiting, bytes.at + sent,
                     bytes.length - (size_t)sent)) {
    return UV_ENOMEM;
  }
  return tls_push_out(tls);
}

int tls_flush(struct tls *tls) {
  if (tls->flying.length > 0 || tls->waiting.length == 0) return 0;
  struct buffer waiting = tls->waiting;
  tls->waiting = (struct buffer){0};
  int error =
      tls_send_now(tls, (struct slice){(char *)waiting.bytes, waiting.length});
  buffer_free(&waiting);
  return error;
}

/* An alert that is not encrypted yet says what a failed handshake died of. */
static void note_alert(struct tls *tls, const unsigned char *bytes,
                       size_t length) {
  bool is_alert = length == 7 && bytes[0] == MBEDTLS_SSL_MSG_ALERT;
  if (tls->state == TLS_OPENING && is_alert) tls->alert = bytes[6];
}

int tls_on_send(void *owner, const unsigned char *bytes, size_t length) {
  struct tls *tls = owner;
  int error = 0;
  note_alert(tls, bytes, length);
  if (!tls->is_corked && tls->flying.length == 0) {
    error = tls_send_now(tls, (struct slice){(const char *)bytes, length});
  } else if (!tls->is_sealing && tls->waiting.length > UNREAD_MAX) {
    error = UV_ENOBUFS;
  } else if (!buffer_append(&tls->waiting, bytes, length)) {
    error = UV_ENOMEM;
  }
  if (!error) return (int)length;
  tls->end = error;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* ---- records */

/* Where the next record begins in what is to be written. */
struct cursor {
  const struct slice *pieces;
  size_t count, offset; /* in the first of them */
};

static struct slice take(struct cursor *cursor, size_t most) {
  struct slice piece = *cursor->pieces;
  piece.at += cursor->offset;
  piece.length -= cursor->offset;
  if (piece.length > most) {
    piece.length = most;
    cursor->offset += most;
    return piece;
  }
  cursor->pieces++;
  cursor->count--;
  cursor->offset = 0;
  return piece;
}

/* What fills one record, or is all there is: as it lies, unless it has to be
 * gathered from several pieces. */
static struct slice take_record(struct cursor *cursor, size_t most) {
  static uint8_t gathered[TLS_RECORD_MAX];
  struct slice first = take(cursor, most);
  if (first.length == most || cursor->count == 0) return first;
  size_t length = first.length;
  memcpy(gathered, first.at, length);
  while (length < most && cursor->count > 0) {
    struct slice next = take(cursor, most - length);
    memcpy(gathered + length, next.at, next.length);
    length += next.length;
  }
  return (struct slice){(const char *)gathered, length};
}

static int seal_record(struct tls *tls, struct slice bytes) {
  while (bytes.length > 0) {
    int written = mbedtls_ssl_write(&tls->ssl, (const unsigned char *)bytes.at,
                                    bytes.length);
    if (written <= 0) return tls->end ? tls->end : UV_EPROTO;
    bytes.at += written;
    bytes.length -= (size_t)written;
  }
  return 0;
}

/* Encrypts the pieces, up to the first record that does not go at once unless
 * the output is corked. Returns how many bytes, or a negative errno. */
static ssize_t seal(struct tls *tls, const struct slice *pieces, size_t count) {
  struct cursor cursor = {pieces, count, 0};
  ssize_t sealed = 0;
  int error = 0;
  if (!tls_records_take(&tls->ssl, &tls->loan)) return UV_ENOMEM;
  int most = mbedtls_ssl_get_max_out_record_payload(&tls->ssl);
  if (most > TLS_RECORD_MAX) most = TLS_RECORD_MAX;
  if (most <= 0) error = UV_EPROTO;
  tls->is_sealing = true;
  while (!error && cursor.count > 0 &&
         (tls->is_corked || tls->flying.length == 0)) {
    struct slice record = take_record(&cursor, (size_t)most);
    error = seal_record(tls, record);
    sealed += (ssize_t)record.length;
  }
  tls->is_sealing = false;
  tls_records_give(&tls->ssl, &tls->loan);
  return error ? error : sealed;
}

int tls_seal_all(struct tls *tls, const struct slice *pieces, size_t count) {
  tls->is_corked = true;
  ssize_t sealed = seal(tls, pieces, count);
  tls->is_corked = false;
  return sealed < 0 ? (int)sealed : tls_push_out(tls);
}

/* ---- what the owner asks for */

ssize_t tls_try_write(struct transport *transport, const struct slice *pieces,
                      size_t count) {
  struct tls *tls = tls_of(transport);
  if (tls->state == TLS_OPENING) return 0;
  if (tls->state != TLS_OPEN) return tls->end ? tls->end : UV_EPIPE;
  if (tls->flying.length > 0) return 0;
  return seal(tls, pieces, count);
}

static int keep_early(struct tls *tls, const struct slice *pieces,
                      size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!buffer_append(&tls->early, pieces[i].at, pieces[i].length)) {
      return UV_ENOMEM;
    }
  }
  return 0;
}

int tls_write(struct transport *transport, const struct slice *pieces,
              size_t count) {
  struct tls *tls = tls_of(transport);
  if (tls->state > TLS_OPEN) return tls->end ? tls->end : UV_EPIPE;
  tls->is_writing = true;
  if (tls->state == TLS_OPENING) return keep_early(tls, pieces, count);
  return tls_seal_all(tls, pieces, count);
}

void tls_say_goodbye(struct tls *tls) {
  if (tls->said_goodbye || tls->state != TLS_OPEN) return;
  tls->said_goodbye = true;
  if (!tls_records_take(&tls->ssl, &tls->loan)) return;
  mbedtls_ssl_close_notify(&tls->ssl);
  tls_records_give(&tls->ssl, &tls->loan);
}

int tls_finish_shutdown(struct tls *tls) {
  if (!tls->is_shutting || tls->early.length > 0) return 0;
  tls_say_goodbye(tls);
  if (tls->flying.length > 0 || tls->waiting.length > 0) return 0;
  tls->is_shutting = false;
  return tls->below->ops->shutdown(tls->below);
}

int tls_shutdown(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_shutting = true;
  return tls_finish_shutdown(tls);
}
