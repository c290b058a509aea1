/*
 * tls_identity - who the server is: a certificate, the chain to its issuer, and
 * the key that proves it, out of PEM files or made on the spot.
 */
#ifndef RATCHET_NET_TLS_IDENTITY_H
#define RATCHET_NET_TLS_IDENTITY_H

#include "base/address.h"
#include "base/slice.h"
#include "tls_library.h"

/* Owned by whoever embeds it; tls_identity_init first, tls_identity_free last.
 */
struct tls_identity {
  mbedtls_x509_crt chain;
  mbedtls_pk_context key;
};

void tls_identity_init(struct tls_identity *identity);
void tls_identity_free(struct tls_identity *identity);

/* False with a message that names file and cause in `error`. */
bool tls_identity_load(struct tls_identity *identity,
                       const struct tls_pair *pair, char error[TLS_ERROR_MAX]);
/* For development: signed by itself, for localhost and its addresses, for a
 * month. As above. */
bool tls_identity_make(struct tls_identity *identity,
                       char error[TLS_ERROR_MAX]);

/* Is it that host's, by its names (RFC 6125 6.4: the subject's common name only
 * when there are no others; a wildcard stands for one label)? */
bool tls_identity_has_name(const struct tls_identity *identity,
                           struct slice host);

/* Is it that address's (RFC 5280 4.2.1.6, iPAddress)? */
bool tls_certificate_has_address(const mbedtls_x509_crt *certificate,
                                 const struct address *address);

/* Certificates in PEM, for verifying others. As tls_identity_load. */
bool tls_load_certificates(mbedtls_x509_crt *list, const char *path,
                           char error[TLS_ERROR_MAX]);

#endif
