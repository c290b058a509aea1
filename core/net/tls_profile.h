/*
 * tls_profile - which versions, ciphers and curves are on offer, after
 * Mozilla's "Server Side TLS" tables (version 5.7): every one is ECDHE with an
 * AEAD.
 */
#ifndef RATCHET_NET_TLS_PROFILE_H
#define RATCHET_NET_TLS_PROFILE_H

#include "tls_library.h"

/* Sets what the profile says, and lowest version and order besides. False when
 * that is TLS 1.3 and the library has none. */
bool tls_profile_set(mbedtls_ssl_config *config, enum tls_profile profile,
                     enum tls_version lowest);

#endif
