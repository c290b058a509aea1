/*
 * A TLS transport from the peer: what came is given to the library where it
 * lies, and what that makes of it is told in one piece.
 */
#include "base/mem.h"
#include "loop.h"
#include "tls_connection.h"

/* Of the process: there is one loop in it. Bytes from below are read to behind
 * the room for a record, and what they are decrypted to is gathered from the
 * front on: it is less, so it never overtakes what is not decrypted yet. */
static uint8_t *room;
enum { FRONT = TLS_RECORD_MAX + 4096, ROOM = FRONT + LOOP_READ_BUFFER };

bool tls_make_room(void) {
  if (!room) room = mem_alloc(ROOM);
  return room != NULL;
}

void tls_drop_room(void) {
  mem_free(room);
  room = NULL;
}

int tls_on_receive(void *owner, unsigned char *bytes, size_t length) {
  struct tls *tls = owner;
  if (tls->input.length == 0) {
    tls->is_dry = true;
    return MBEDTLS_ERR_SSL_WANT_READ;
  }
  if (length > tls->input.length) length = tls->input.length;
  memcpy(bytes, tls->input.at, length);
  tls->input.at += length;
  tls->input.length -= length;
  return (int)length;
}

/* Is there more, after a read that yielded nothing? */
static bool goes_on(struct tls *tls, int result) {
  switch (result) {
  case 0: return true; /* empty records; the library bounds them */
  case MBEDTLS_ERR_SSL_WANT_READ: return !tls->is_dry;
#ifdef TLS_HAS_1_3
  case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET: return true;
#endif
  case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: tls->has_ended = true; return false;
  case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: {
    int alert = tls_records_alert(&tls->ssl);
    tls_break_off(tls, UV_EPROTO, "the %s sent TLS alert %d, %s",
                  tls_peer_role(tls), alert, tls_alert_name(alert));
    return false;
  }
  default:
    tls_break_off(tls, tls->end ? tls->end : UV_EPROTO, "TLS: %s",
                  tls_error_text(result));
    return false;
  }
}

/* Returns how many bytes it gathered. */
static size_t decrypt(struct tls *tls, uint8_t *to, size_t capacity) {
  size_t length = 0;
  tls->is_dry = false;
  while (length < capacity) {
    int result = mbedtls_ssl_read(&tls->ssl, to + length, capacity - length);
    if (result > 0)
      length += (size_t)result;
    else if (!goes_on(tls, result))
      break;
  }
  return length;
}

/* All that came is decrypted and told at once; straight to where the owner
 * would have it, where it is sure to fit. */
static void read_records(struct tls *tls) {
  const struct transport_events *events = tls->base.events;
  uint8_t *to = NULL;
  size_t wanted = events->space(tls->base.owner, &to);
  if (wanted < tls->input.length + TLS_RECORD_MAX) {
    to = room;
    wanted = ROOM;
  }
  size_t length = decrypt(tls, to, wanted);
  int error = tls_flush(tls);
  if (error) tls_lose(tls, error);
  tls_records_give(&tls->ssl, &tls->loan);
  if (length > 0) events->read(tls->base.owner, to, length);
}

/* ---- what the transport below tells */

size_t tls_on_space(void *owner, uint8_t **bytes) {
  (void)owner;
  *bytes = room + FRONT;
  return LOOP_READ_BUFFER;
}

/* Our client closes as soon as it hears of the end, and has a deadline: it
 * hears when the server was told why. */
static bool is_alert_under_way(const struct tls *tls) {
  return tls->is_client && tls->state == TLS_BROKEN && tls->base.is_opening &&
         tls->flying.length > 0;
}

void tls_on_read(void *owner, uint8_t *bytes, size_t length) {
  struct tls *tls = owner;
  if (tls->state >= TLS_BROKEN) return;
  tls->input = (struct slice){(const char *)bytes, length};
  if (!tls_records_take(&tls->ssl, &tls->loan)) {
    tls_break_off(tls, UV_ENOMEM, "out of memory");
  }
  if (tls->state == TLS_OPENING) tls_shake_hands(tls);
  if (tls->state == TLS_OPEN && !tls->has_ended) read_records(tls);
  tls->input = SLICE("");
  if (tls->has_ended && !is_alert_under_way(tls)) tls_tell_end(tls);
}

/* RFC 8446 6.1: without close_notify before it, it may be somebody else who
 * ended the connection. */
void tls_on_ended(void *owner, int error) {
  struct tls *tls = owner;
  if (tls->state == TLS_BROKEN && !error) {
    tls->end = 0;
  } else if (error) {
    tls_lose(tls, error);
  } else if (tls->state == TLS_OPENING && tls->has_begun) {
    tls_break_off(tls, UV_ECONNABORTED, "the %s broke the TLS handshake off",
                  tls_peer_role(tls));
  } else if (tls->state == TLS_OPENING || !tls->has_ended) {
    tls_break_off(tls, UV_ECONNABORTED, "%s", "");
  }
  tls->is_reading = true;
  tls_tell_end(tls);
}

/* ---- what the owner asks for */

/* When the peer's goodbye came while nobody read: it is told with what comes
 * next, and our own goodbye makes something come. */
static int read_to_the_end(struct tls *tls) {
  if (tls->end) return tls->end;
  tls_say_goodbye(tls);
  return tls->below->ops->start_reading(tls->below);
}

int tls_start_reading(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_reading = true;
  if (tls->has_ended && !tls->base.is_opening) return read_to_the_end(tls);
  if (tls->is_client && !tls->has_begun) {
    tls_advance(tls);
    if (tls->state == TLS_BROKEN) return tls->end;
  }
  return tls->below->ops->start_reading(tls->below);
}

void tls_stop_reading(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_reading = false;
  tls->below->ops->stop_reading(tls->below);
}

void tls_feed(struct transport *transport, uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t part = length < LOOP_READ_BUFFER ? length : LOOP_READ_BUFFER;
    tls_on_read(tls_of(transport), bytes, part);
    bytes += part;
    length -= part;
  }
}
