/*
 * tls_client - the TLS of outgoing connections: whom they trust. The chain of
 * the server's certificate must lead to one of those, and it must have the name
 * that was asked for.
 */
#ifndef RATCHET_NET_TLS_CLIENT_H
#define RATCHET_NET_TLS_CLIENT_H

#include "tls_options.h"
#include "transport.h"

struct tls_config;

/* A config to be used any number of times, and dropped; or NULL with a message
 * in `error`, which names the file. The system's certificates (those of the
 * file in the environment's SSL_CERT_FILE, or of Debian's ca-certificates) are
 * read once. */
struct tls_config *tls_client_config(const struct tls_client_options *options,
                                     char error[TLS_ERROR_MAX]);
/* Connections that were made with it live on. */
void tls_client_drop(struct tls_config *config);
/* A transport round the one below, which is its own from here on; NULL when
 * there is no memory: then it is still the caller's. `name` (or an IP address
 * without brackets) is what the certificate must be for. The handshake begins
 * when it is first read from; what is written before it is done waits. */
struct transport *tls_client_wrap(struct tls_config *config,
                                  struct transport *below, const char *name);
/* Forgets the system's certificates. */
void tls_client_drain(void);

#endif
