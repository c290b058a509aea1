/*
 * tls_library - mbedTLS brought up once for the process: its random numbers,
 * its errors in words, and where its two versions (2.28 and 3.6) differ.
 */
#ifndef RATCHET_NET_TLS_LIBRARY_H
#define RATCHET_NET_TLS_LIBRARY_H

#include "tls_options.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <stdbool.h>
#include <stddef.h>

#if MBEDTLS_VERSION_MAJOR >= 3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define TLS_HAS_1_3 1
#endif

/* To be called before anything else of the library; any number of times. False
 * when the system has no random bytes or no memory. */
bool tls_library_start(void);
/* At the end of the process: gives its memory back. */
void tls_library_stop(void);

/* As the library asks for random bytes; the first argument is not used. */
int tls_random(void *unused, unsigned char *bytes, size_t length);

/* "X509 - Certificate verification failed", without the library's numbers. */
const char *tls_error_text(int error);
/* RFC 8446 6: "handshake_failure"; "unknown" for a number that is none. */
const char *tls_alert_name(int alert);

/* A private key in PEM or DER; `bytes` must end in a NUL that `length` counts.
 * 0 or an error of the library. */
int tls_parse_key(mbedtls_pk_context *key, const unsigned char *bytes,
                  size_t length, const char *passphrase);
/* Do they belong together? */
bool tls_is_pair(const mbedtls_pk_context *public_key,
                 const mbedtls_pk_context *private_key);

#endif
