/*
 * A TLS transport from its making to its end: what it owns, what it is set up
 * with, and why it has ended.
 */
#include "tls.h"

#include "base/mem.h"
#include "tls_connection.h"

#include <mbedtls/x509_crt.h>
#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

void tls_drain(void) {
  tls_drop_room();
  tls_records_drain();
}

/* ---- how it ends */

void tls_break_off(struct tls *tls, int error, const char *format, ...) {
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

void tls_lose(struct tls *tls, int error) {
  bool is_agreeing = tls->state == TLS_OPENING && tls->has_begun;
  tls_break_off(tls, error, "%s%s",
                is_agreeing ? "the TLS handshake failed: " : "",
                uv_strerror(error));
}

void tls_tell_end(struct tls *tls) {
  if (tls->state == TLS_CLOSED || !tls->is_reading) return;
  tls->is_reading = false;
  if (!tls->base.is_opening) tls->below->ops->stop_reading(tls->below);
  tls->base.events->ended(tls->base.owner, tls->end);
}

const char *tls_peer_role(const struct tls *tls) {
  return tls->is_client ? "server" : "client";
}

/* ---- what the transport below tells */

static void on_below_written(void *owner, int error) {
  struct tls *tls = owner;
  if (tls->state == TLS_CLOSED) return;
  buffer_free(&tls->flying);
  if (!error) error = tls_push_out(tls);
  if (!error) error = tls_finish_shutdown(tls);
  if (error) tls_lose(tls, error);
  if (tls->flying.length > 0 && !error) return;
  if (tls->is_writing && tls->early.length == 0) {
    tls->is_writing = false;
    tls->base.events->written(tls->base.owner, error);
  } else if (error || tls->state == TLS_BROKEN) {
    tls_tell_end(tls);
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
    .space = tls_on_space,
    .read = tls_on_read,
    .ended = tls_on_ended,
    .written = on_below_written,
    .closed = on_below_closed,
};

/* ---- what the owner asks for */

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

static bool set_up(struct tls *tls, const char *server_name) {
  if (!tls_make_room() ||
      mbedtls_ssl_setup(&tls->ssl, &tls->config->ssl) != 0) {
    return false;
  }
  mbedtls_ssl_set_bio(&tls->ssl, tls, tls_on_send, tls_on_receive, NULL);
  return !server_name || tls_expect(tls, server_name);
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
