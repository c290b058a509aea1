/*
 * tls_config - what a connection's TLS is set up with: counted, because a
 * reload makes a new one while connections still live by the old.
 */
#ifndef RATCHET_NET_TLS_CONFIG_H
#define RATCHET_NET_TLS_CONFIG_H

#include "tls_library.h"

#include <stdint.h>

/* Owned by its references: its maker's, and each connection's. Embedded in what
 * implements it (tls_server.c, tls_client.c), which frees it in `unused`. */
struct tls_config {
  mbedtls_ssl_config ssl;
  uint32_t references;
  bool verifies; /* a peer whose certificate is not good is refused */
  void (*unused)(struct tls_config *config);
};

static inline struct tls_config *tls_config_hold(struct tls_config *config) {
  config->references++;
  return config;
}

static inline void tls_config_drop(struct tls_config *config) {
  if (--config->references == 0) config->unused(config);
}

#endif
