/*
 * A TLS transport until it is open: the handshake, step by step as the peer's
 * bytes come, whom the peer must be, and what to say when nothing comes of it.
 */
#include "base/mem.h"
#include "base/owner.h"
#include "tls.h"
#include "tls_connection.h"
#include "tls_identity.h"

#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <uv.h>

/* ---- whom the peer must be */

/* What the client asks for, or is to ask for; the first name stays. */
static void note_name(struct tls *tls, struct slice name) {
  if (tls->server_name) return;
  tls->server_name = mem_alloc(name.length + 1);
  if (!tls->server_name) return;
  memcpy(tls->server_name, name.at, name.length);
  tls->server_name[name.length] = '\0';
}

void tls_note_server_name(mbedtls_ssl_context *ssl, struct slice name) {
  note_name(OWNER_OF(ssl, struct tls, ssl), name);
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
bool tls_expect(struct tls *tls, const char *server_name) {
  struct address address;
  bool is_address = address_parse(slice_of(server_name), &address);
  note_name(tls, slice_of(server_name));
  if (!tls->server_name) return false;
  if (is_address) mbedtls_ssl_set_verify(&tls->ssl, verify_address, tls);
  return mbedtls_ssl_set_hostname(&tls->ssl, is_address ? NULL : server_name) ==
         0;
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

/* ---- what it died of */

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

static void fail_handshake(struct tls *tls, int result) {
  char verdict[256];
  int error = tls->end ? tls->end : UV_EPROTO;
  if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
    describe_verdict(tls, verdict, sizeof verdict);
    tls_break_off(tls, error, "the %s's certificate is not accepted: %s",
                  tls_peer_role(tls), verdict);
  } else if (result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    int alert = tls_records_alert(&tls->ssl);
    tls_break_off(tls, error,
                  "the TLS handshake failed: the %s sent alert %d, %s",
                  tls_peer_role(tls), alert, tls_alert_name(alert));
  } else if (tls->alert) {
    tls_break_off(tls, error, "the TLS handshake failed: %s; sent alert %d, %s",
                  tls_error_text(result), tls->alert,
                  tls_alert_name(tls->alert));
  } else {
    tls_break_off(tls, error, "the TLS handshake failed: %s",
                  tls_error_text(result));
  }
}

/* The library says nothing to some of what it cannot read. */
static void answer_nonsense(struct tls *tls, int result) {
  bool is_told =
      tls->waiting.length > 0 || result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
  if (is_told) return;
  mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                 MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR);
}

/* ---- its steps */

int tls_advance(struct tls *tls) {
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
  int error = tls_flush(tls);
  if (error) tls_lose(tls, error);
  tls_finish_shutdown(tls);
  return result;
}

/* What was written before it was open goes first. */
static void open_up(struct tls *tls) {
  struct buffer early = tls->early;
  struct slice piece = {(const char *)early.bytes, early.length};
  tls->early = (struct buffer){0};
  tls->state = TLS_OPEN;
  tls->base.is_opening = false;
  int error = early.length > 0 ? tls_seal_all(tls, &piece, 1) : 0;
  if (!error) error = tls_finish_shutdown(tls);
  buffer_free(&early);
  if (error) {
    tls_lose(tls, error);
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
  tls_send_now(tls, SLICE(answer));
  tls_break_off(tls, UV_EPROTO, "400: plain HTTP on a port that speaks TLS");
  tls->is_shutting = true;
  tls_finish_shutdown(tls);
}

void tls_shake_hands(struct tls *tls) {
  if (is_plain_http(tls))
    refuse_plain_http(tls);
  else if (tls_advance(tls) == 0 && tls->state == TLS_OPENING)
    open_up(tls);
}
