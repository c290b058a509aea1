#include "tls_library.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <string.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

/* Of the process: there is one loop in it. */
static struct {
  bool is_up;
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context generator;
} library;

static bool start_psa(void) {
#ifdef TLS_HAS_1_3
  return psa_crypto_init() == PSA_SUCCESS; /* TLS 1.3 is built on it */
#else
  return true;
#endif
}

bool tls_library_start(void) {
  static const unsigned char name[] = "ratchet-lua";
  if (library.is_up) return true;
  mbedtls_entropy_init(&library.entropy);
  mbedtls_ctr_drbg_init(&library.generator);
  library.is_up =
      mbedtls_ctr_drbg_seed(&library.generator, mbedtls_entropy_func,
                            &library.entropy, name, sizeof name - 1) == 0 &&
      start_psa();
  if (library.is_up) return true;
  mbedtls_ctr_drbg_free(&library.generator);
  mbedtls_entropy_free(&library.entropy);
  return false;
}

void tls_library_stop(void) {
  if (!library.is_up) return;
  library.is_up = false;
  mbedtls_ctr_drbg_free(&library.generator);
  mbedtls_entropy_free(&library.entropy);
#ifdef TLS_HAS_1_3
  mbedtls_psa_crypto_free();
#endif
}

int tls_random(void *unused, unsigned char *bytes, size_t length) {
  (void)unused;
  return mbedtls_ctr_drbg_random(&library.generator, bytes, length);
}

const char *tls_error_text(int error) {
  const char *text = mbedtls_high_level_strerr(error);
  if (!text) text = mbedtls_low_level_strerr(error);
  if (!text) return "an unknown error";
  const char *dash = strstr(text, " - ");
  return dash ? dash + 3 : text;
}

const char *tls_alert_name(int alert) {
  static const struct {
    int number;
    const char *name;
  } names[] = {
      {0, "close_notify"},
      {10, "unexpected_message"},
      {20, "bad_record_mac"},
      {22, "record_overflow"},
      {40, "handshake_failure"},
      {42, "bad_certificate"},
      {43, "unsupported_certificate"},
      {44, "certificate_revoked"},
      {45, "certificate_expired"},
      {46, "certificate_unknown"},
      {47, "illegal_parameter"},
      {48, "unknown_ca"},
      {49, "access_denied"},
      {50, "decode_error"},
      {51, "decrypt_error"},
      {70, "protocol_version"},
      {71, "insufficient_security"},
      {80, "internal_error"},
      {86, "inappropriate_fallback"},
      {90, "user_canceled"},
      {100, "no_renegotiation"},
      {109, "missing_extension"},
      {110, "unsupported_extension"},
      {112, "unrecognized_name"},
      {116, "certificate_required"},
      {120, "no_application_protocol"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].number == alert) return names[i].name;
  }
  return "unknown";
}

int tls_parse_key(mbedtls_pk_context *key, const unsigned char *bytes,
                  size_t length, const char *passphrase) {
  const unsigned char *password = (const unsigned char *)passphrase;
  size_t password_length = passphrase ? strlen(passphrase) : 0;
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_pk_parse_key(key, bytes, length, password, password_length,
                              tls_random, NULL);
#else
  return mbedtls_pk_parse_key(key, bytes, length, password, password_length);
#endif
}

bool tls_is_pair(const mbedtls_pk_context *public_key,
                 const mbedtls_pk_context *private_key) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_pk_check_pair(public_key, private_key, tls_random, NULL) == 0;
#else
  return mbedtls_pk_check_pair(public_key, private_key) == 0;
#endif
}
