#include "tls.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "loop.h"
#include "tls_identity.h"
#include "tls_records.h"

#include <errno.h>
#include <mbedtls/x509_crt.h>
#include <stdarg.h>
#include <stdio.h>

enum tls_state {
  TLS_OPENING,
  TLS_OPEN,
  TLS_BROKEN, /* what still comes is thrown away */
  TLS_CLOSED, /* the transport below is closing */
};

enum {
  RECORD_MAX = 16 * 1024,
  /* Of what the library says by itself (alerts) to a peer that does not read.
   */
  UNREAD_MAX = 64 * 1024,
};

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

static struct tls *tls_of(struct transport *transport) {
  return (struct tls *)transport;
}

/* Of the process: there is one loop in it. Bytes from below are read to behind
 * the room for a record, and what they are decrypted to is gathered from the
 * front on: it is less, so it never overtakes what is not decrypted yet. */
static uint8_t *room;
enum { FRONT = RECORD_MAX + 4096, ROOM = FRONT + LOOP_READ_BUFFER };

void tls_drain(void) {
  mem_free(room);
  room = NULL;
  tls_records_drain();
}

/* ---- towards the peer */

/* Hands `waiting` to the transport below, whose `written` is heard later. */
static int push_out(struct tls *tls) {
  if (tls->flying.length > 0 || tls->waiting.length == 0) return 0;
  tls->flying = tls->waiting;
  tls->waiting = (struct buffer){0};
  struct slice piece = {(const char *)tls->flying.bytes, tls->flying.length};
  return tls->below->ops->write(tls->below, &piece, 1);
}

/* As much as goes at once; the rest flies. Returns 0 or a negative errno. */
static int send_now(struct tls *tls, struct slice bytes) {
  ssize_t sent = tls->below->ops->try_write(tls->below, &bytes, 1);
  if (sent < 0) return (int)sent;
  if ((size_t)sent == bytes.length) return 0;
  if (!buffer_append(&tls->waiting, bytes.at + sent,
                     bytes.length - (size_t)sent)) {
    return UV_ENOMEM;
  }
  return push_out(tls);
}

static int flush(struct tls *tls) {
  if (tls->flying.length > 0 || tls->waiting.length == 0) return 0;
  struct buffer waiting = tls->waiting;
  tls->waiting = (struct buffer){0};
  int error =
      send_now(tls, (struct slice){(char *)waiting.bytes, waiting.length});
  buffer_free(&waiting);
  return error;
}

/* An alert that is not encrypted yet says what a failed handshake died of. */
static void note_alert(struct tls *tls, const unsigned char *bytes,
                       size_t length) {
  bool is_alert = length == 7 && bytes[0] == MBEDTLS_SSL_MSG_ALERT;
  if (tls->state == TLS_OPENING && is_alert) tls->alert = bytes[6];
}

/* The library's way out: it always gets rid of a whole record. */
static int on_send(void *owner, const unsigned char *bytes, size_t length) {
  struct tls *tls = owner;
  int error = 0;
  note_alert(tls, bytes, length);
  if (!tls->is_corked && tls->flying.length == 0) {
    error = send_now(tls, (struct slice){(const char *)bytes, length});
  } else if (!tls->is_sealing && tls->waiting.length > UNREAD_MAX) {
    error = UV_ENOBUFS;
  } else if (!buffer_append(&tls->waiting, bytes, length)) {
    error = UV_ENOMEM;
  }
  if (!error) return (int)length;
  tls->end = error;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

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
  static uint8_t gathered[RECORD_MAX];
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
  if (most > RECORD_MAX) most = RECORD_MAX;
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

static ssize_t tls_try_write(struct transport *transport,
                             const struct slice *pieces, size_t count) {
  struct tls *tls = tls_of(transport);
  if (tls->state == TLS_OPENING) return 0;
  if (tls->state != TLS_OPEN) return tls->end ? tls->end : UV_EPIPE;
  if (tls->flying.length > 0) return 0;
  return seal(tls, pieces, count);
}

/* Encrypts all at once and gives it to the transport below, so that its
 * `written` is heard. */
static int seal_all(struct tls *tls, const struct slice *pieces, size_t count) {
  tls->is_corked = true;
  ssize_t sealed = seal(tls, pieces, count);
  tls->is_corked = false;
  return sealed < 0 ? (int)sealed : push_out(tls);
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

static int tls_write(struct transport *transport, const struct slice *pieces,
                     size_t count) {
  struct tls *tls = tls_of(transport);
  if (tls->state > TLS_OPEN) return tls->end ? tls->end : UV_EPIPE;
  tls->is_writing = true;
  if (tls->state == TLS_OPENING) return keep_early(tls, pieces, count);
  return seal_all(tls, pieces, count);
}

/* RFC 8446 6.1: no more will come from us. */
static void say_goodbye(struct tls *tls) {
  if (tls->said_goodbye || tls->state != TLS_OPEN) return;
  tls->said_goodbye = true;
  if (!tls_records_take(&tls->ssl, &tls->loan)) return;
  mbedtls_ssl_close_notify(&tls->ssl);
  tls_records_give(&tls->ssl, &tls->loan);
}

/* FIN, once everything is out. */
static int finish_shutdown(struct tls *tls) {
  if (!tls->is_shutting || tls->early.length > 0) return 0;
  say_goodbye(tls);
  if (tls->flying.length > 0 || tls->waiting.length > 0) return 0;
  tls->is_shutting = false;
  return tls->below->ops->shutdown(tls->below);
}

static int tls_shutdown(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_shutting = true;
  return finish_shutdown(tls);
}

/* ---- how it ends */

__attribute__((format(printf, 3, 4))) static void
break_off(struct tls *tls, int error, const char *format, ...) {
  char text[TLS_ERROR_MAX];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (tls->state >= TLS_BROKEN) return;
  tls->state = TLS_BROKEN;
  tls->end = error;
  tls->has_ended = true;
  if (length <= 0 || (size_t)length >= sizeof text || tls->why) return;
  tls->why = mem_alloc((size_t)length + 1);
  if (tls->why) memcpy(tls->why, text, (size_t)length + 1);
}

static void tell_end(struct tls *tls) {
  if (tls->state == TLS_CLOSED || !tls->is_reading) return;
  tls->is_reading = false;
  if (!tls->base.is_opening) tls->below->ops->stop_reading(tls->below);
  tls->base.events->ended(tls->base.owner, tls->end);
}

/* ---- the handshake */

/* What the chain of the peer's certificate is refused for. */
static void describe_verdict(const struct tls *tls, char *text, size_t size) {
  uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
  int length = mbedtls_x509_crt_verify_info(text, size, "", flags);
  if (length <= 0) {
    snprintf(text, size, "its certificate is refused");
    return;
  }
  char *line;
  text[length - 1] = '\0'; /* each line ends in one */
  while ((line = strchr(text, '\n'))) *line = ' ';
}

static const char *who(const struct tls *tls) {
  return tls->is_client ? "server" : "client";
}

static void fail_handshake(struct tls *tls, int result) {
  char verdict[256];
  int error = tls->end ? tls->end : UV_EPROTO;
  if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
    describe_verdict(tls, verdict, sizeof verdict);
    break_off(tls, error, "the %s's certificate is not accepted: %s", who(tls),
              verdict);
  } else if (result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    int alert = tls_records_alert(&tls->ssl);
    break_off(tls, error, "the TLS handshake failed: the %s sent alert %d, %s",
              who(tls), alert, tls_alert_name(alert));
  } else if (tls->alert) {
    break_off(tls, error, "the TLS handshake failed: %s; sent alert %d, %s",
              tls_error_text(result), tls->alert, tls_alert_name(tls->alert));
  } else {
    break_off(tls, error, "the TLS handshake failed: %s",
              tls_error_text(result));
  }
}

/* The library lets an optional certificate pass whatever it finds. */
static int judge_peer(struct tls *tls) {
  if (!tls->config->verifies || !mbedtls_ssl_get_peer_cert(&tls->ssl) ||
      mbedtls_ssl_get_verify_result(&tls->ssl) == 0) {
    return 0;
  }
  mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                 MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
  return MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

/* The library says nothing to some of what it cannot read. */
static void answer_nonsense(struct tls *tls, int result) {
  bool is_told =
      tls->waiting.length > 0 || result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
  if (is_told) return;
  mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                 MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR);
}

/* As far as the input takes it: what it answers goes out in one piece. Returns
 * 0 when it is done, WANT_READ, or an error of the library. */
static int advance(struct tls *tls) {
  tls->has_begun = true;
  tls->is_corked = true;
  int result = mbedtls_ssl_handshake(&tls->ssl);
  if (result == 0) result = judge_peer(tls);
  bool has_failed = result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ;
  if (has_failed) answer_nonsense(tls, result);
  tls->is_corked = false;
  if (has_failed) {
    fail_handshake(tls, result);
    tls->is_shutting = true;
  }
  int error = flush(tls);
  if (error) break_off(tls, error, "%s", uv_strerror(error));
  finish_shutdown(tls);
  return result;
}

/* What was written before it was open goes first. */
static void open_up(struct tls *tls) {
  struct buffer early = tls->early;
  struct slice piece = {(const char *)early.bytes, early.length};
  tls->early = (struct buffer){0};
  tls->state = TLS_OPEN;
  tls->base.is_opening = false;
  int error = early.length > 0 ? seal_all(tls, &piece, 1) : 0;
  if (!error) error = finish_shutdown(tls);
  buffer_free(&early);
  if (error) {
    break_off(tls, error, "%s", uv_strerror(error));
    return;
  }
  if (tls->base.events->opened) tls->base.events->opened(tls->base.owner);
}

/* Methods are capitals; a handshake begins with 22. */
static bool is_plain_http(const struct tls *tls) {
  return !tls->has_begun && !tls->is_client && tls->input.at[0] >= 'A' &&
         tls->input.at[0] <= 'Z';
}

static void refuse_plain_http(struct tls *tls) {
  static const char answer[] =
      "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 56\r\n\r\n"
      "This port speaks TLS: use https:// or wss:// to open it.";
  send_now(tls, SLICE(answer));
  break_off(tls, UV_EPROTO, "400: plain HTTP on a port that speaks TLS");
  tls->is_shutting = true;
  finish_shutdown(tls);
}

static void shake_hands(struct tls *tls) {
  if (is_plain_http(tls))
    refuse_plain_http(tls);
  else if (advance(tls) == 0 && tls->state == TLS_OPENING)
    open_up(tls);
}

/* ---- from the peer */

/* The library's way in. */
static int on_receive(void *owner, unsigned char *bytes, size_t length) {
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
    break_off(tls, UV_EPROTO, "the %s sent TLS alert %d, %s", who(tls), alert,
              tls_alert_name(alert));
    return false;
  }
  default:
    break_off(tls, tls->end ? tls->end : UV_EPROTO, "TLS: %s",
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
  if (wanted < tls->input.length + RECORD_MAX) {
    to = room;
    wanted = ROOM;
  }
  size_t length = decrypt(tls, to, wanted);
  int error = flush(tls);
  if (error) break_off(tls, error, "%s", uv_strerror(error));
  tls_records_give(&tls->ssl, &tls->loan);
  if (length > 0) events->read(tls->base.owner, to, length);
}

static void on_below_read(void *owner, uint8_t *bytes, size_t length) {
  struct tls *tls = owner;
  if (tls->state >= TLS_BROKEN) return;
  tls->input = (struct slice){(const char *)bytes, length};
  if (!tls_records_take(&tls->ssl, &tls->loan)) {
    break_off(tls, UV_ENOMEM, "out of memory");
  }
  if (tls->state == TLS_OPENING) shake_hands(tls);
  if (tls->state == TLS_OPEN && !tls->has_ended) read_records(tls);
  tls->input = SLICE("");
  if (tls->has_ended) tell_end(tls);
}

static size_t on_below_space(void *owner, uint8_t **bytes) {
  (void)owner;
  *bytes = room + FRONT;
  return LOOP_READ_BUFFER;
}

/* RFC 8446 6.1: without close_notify before it, it may be somebody else who
 * ended the connection. */
static void on_below_ended(void *owner, int error) {
  struct tls *tls = owner;
  if (tls->state == TLS_BROKEN && !error) {
    tls->end = 0;
  } else if (error) {
    break_off(tls, error, "%s", uv_strerror(error));
  } else if (tls->state == TLS_OPENING && tls->has_begun) {
    break_off(tls, UV_ECONNABORTED, "the %s broke the TLS handshake off",
              who(tls));
  } else if (tls->state == TLS_OPENING || !tls->has_ended) {
    break_off(tls, UV_ECONNABORTED, "%s", "");
  }
  tls->is_reading = true;
  tell_end(tls);
}

static void on_below_written(void *owner, int error) {
  struct tls *tls = owner;
  if (tls->state == TLS_CLOSED) return;
  buffer_free(&tls->flying);
  if (!error) error = push_out(tls);
  if (!error) error = finish_shutdown(tls);
  if (error) break_off(tls, error, "%s", uv_strerror(error));
  if (tls->flying.length > 0 && !error) return;
  if (tls->is_writing && tls->early.length == 0) {
    tls->is_writing = false;
    tls->base.events->written(tls->base.owner, error);
  } else if (error) {
    tell_end(tls);
  }
}

static void on_below_closed(void *owner) {
  struct tls *tls = owner;
  const struct transport_events *events = tls->base.events;
  void *above = tls->base.owner;
  mbedtls_ssl_free(&tls->ssl);
  tls_config_drop(tls->config);
  buffer_free(&tls->early);
  buffer_free(&tls->flying);
  buffer_free(&tls->waiting);
  mem_free(tls->server_name);
  mem_free(tls->why);
  mem_free(tls);
  if (events) events->closed(above);
}

static const struct transport_events below_events = {
    .space = on_below_space,
    .read = on_below_read,
    .ended = on_below_ended,
    .written = on_below_written,
    .closed = on_below_closed,
};

/* ---- what the owner asks for */

/* When the peer's goodbye came while nobody read: it is told with what comes
 * next, and our own goodbye makes something come. */
static int read_to_the_end(struct tls *tls) {
  if (tls->end) return tls->end;
  say_goodbye(tls);
  return tls->below->ops->start_reading(tls->below);
}

static int tls_start_reading(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_reading = true;
  if (tls->has_ended && !tls->base.is_opening) return read_to_the_end(tls);
  if (tls->is_client && !tls->has_begun) {
    advance(tls);
    if (tls->state == TLS_BROKEN) return tls->end;
  }
  return tls->below->ops->start_reading(tls->below);
}

static void tls_stop_reading(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->is_reading = false;
  tls->below->ops->stop_reading(tls->below);
}

static void tls_close(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  tls->state = TLS_CLOSED;
  tls->below->ops->close(tls->below);
}

static struct address tls_peer(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  return tls->below->ops->peer(tls->below);
}

static size_t tls_untaken(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  return tls->below->ops->untaken(tls->below);
}

static void tls_feed(struct transport *transport, uint8_t *bytes,
                     size_t length) {
  while (length > 0) {
    size_t part = length < LOOP_READ_BUFFER ? length : LOOP_READ_BUFFER;
    on_below_read(tls_of(transport), bytes, part);
    bytes += part;
    length -= part;
  }
}

/* The library writes "TLS1-3-AES-128-GCM-SHA256", IANA and everybody else
 * "TLS_AES_128_GCM_SHA256". */
static void name_cipher(const char *name, char *text, size_t size) {
  static const char new[] = "TLS1-3-";
  bool is_new = strncmp(name, new, sizeof new - 1) == 0;
  snprintf(text, size, "%s%s", is_new ? "TLS-" : "",
           is_new ? name + sizeof new - 1 : name);
  for (; *text; text++) {
    if (*text == '-') *text = '_';
  }
}

static void tls_describe(struct transport *transport,
                         struct transport_secrecy *secrecy) {
  struct tls *tls = tls_of(transport);
  const char *cipher = mbedtls_ssl_get_ciphersuite(&tls->ssl);
  const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&tls->ssl);
  secrecy->version = mbedtls_ssl_get_version(&tls->ssl);
  secrecy->server_name = tls->server_name;
  secrecy->client[0] = '\0';
  name_cipher(cipher ? cipher : "", secrecy->cipher, sizeof secrecy->cipher);
  if (peer && mbedtls_x509_dn_gets(secrecy->client, sizeof secrecy->client,
                                   &peer->subject) < 0) {
    secrecy->client[0] = '\0'; /* too long */
  }
}

static const char *tls_why(struct transport *transport) {
  struct tls *tls = tls_of(transport);
  return tls->why && *tls->why ? tls->why : NULL;
}

static const struct transport_ops tls_ops = {
    .start_reading = tls_start_reading,
    .stop_reading = tls_stop_reading,
    .try_write = tls_try_write,
    .write = tls_write,
    .untaken = tls_untaken,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .peer = tls_peer,
    .feed = tls_feed,
    .describe = tls_describe,
    .why = tls_why,
};

/* ---- its making */

static void note_name(struct tls *tls, struct slice name) {
  if (tls->server_name) return;
  tls->server_name = mem_alloc(name.length + 1);
  if (!tls->server_name) return;
  memcpy(tls->server_name, name.at, name.length);
  tls->server_name[name.length] = '\0';
}

void tls_note_server_name(mbedtls_ssl_context *ssl, struct slice name) {
  note_name((struct tls *)(void *)((char *)ssl - offsetof(struct tls, ssl)),
            name);
}

/* The library (of Debian 12) knows names only; those of addresses are looked
 * for here. */
static int verify_address(void *owner, mbedtls_x509_crt *certificate, int depth,
                          uint32_t *flags) {
  struct tls *tls = owner;
  struct address address;
  if (depth > 0) return 0;
  if (!address_parse(slice_of(tls->server_name), &address) ||
      !tls_certificate_has_address(certificate, &address)) {
    *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  }
  return 0;
}

/* An address is no name that could be asked for (RFC 6066 3). */
static bool expect(struct tls *tls, const char *server_name) {
  struct address address;
  bool is_address = address_parse(slice_of(server_name), &address);
  note_name(tls, slice_of(server_name));
  if (!tls->server_name) return false;
  if (is_address) mbedtls_ssl_set_verify(&tls->ssl, verify_address, tls);
  return mbedtls_ssl_set_hostname(&tls->ssl, is_address ? NULL : server_name) ==
         0;
}

static bool set_up(struct tls *tls, const char *server_name) {
  if (!room) room = mem_alloc(ROOM);
  if (!room || mbedtls_ssl_setup(&tls->ssl, &tls->config->ssl) != 0) {
    return false;
  }
  mbedtls_ssl_set_bio(&tls->ssl, tls, on_send, on_receive, NULL);
  return !server_name || expect(tls, server_name);
}

struct transport *tls_wrap(struct tls_config *config, struct transport *below,
                           const char *server_name) {
  struct tls *tls = mem_alloc_zeroed(1, sizeof *tls);
  if (!tls) return NULL;
  tls->base.ops = &tls_ops;
  tls->base.is_last = below->is_last;
  tls->base.is_opening = true;
  tls->config = config;
  tls->below = below;
  tls->is_client = server_name != NULL;
  mbedtls_ssl_init(&tls->ssl);
  if (!set_up(tls, server_name)) {
    mbedtls_ssl_free(&tls->ssl);
    mem_free(tls->server_name);
    mem_free(tls);
    return NULL;
  }
  tls_config_hold(config);
  below->events = &below_events;
  below->owner = tls;
  return &tls->base;
}
