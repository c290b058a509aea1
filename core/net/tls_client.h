/*
 * tls_client - the TLS of outgoing connections: whom they trust. The chain of
 * the server's certificate must lead to one of those, and it must have the name
 * that was asked for.
 */
#ifndef RATCHET_NET_TLS_CLIENT_H
#define RATCHET_NET_TLS_CLIENT_H

#include "tls.h"

struct tls_client_options {
  const char *ca;   /* a file of certificates in PEM; NULL: the system's */
  bool is_insecure; /* nothing is verified */
};

/* A reference to a config for tls_wrap, to be dropped with tls_config_drop; or
 * NULL with a message in `error`, which names the file. The system's
 * certificates (those of the file in the environment's SSL_CERT_FILE, or of
 * Debian's ca-certificates) are read once. */
struct tls_config *tls_client_config(const struct tls_client_options *options,
                                     char error[TLS_ERROR_MAX]);
/* Forgets the system's certificates. */
void tls_client_drain(void);

#endif
