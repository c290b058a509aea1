/*
 * tls_options - what TLS may be told: files, versions, whom to trust. Strings
 * are borrowed for the call that takes them.
 */
#ifndef RATCHET_NET_TLS_OPTIONS_H
#define RATCHET_NET_TLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { TLS_ERROR_MAX = 512 }; /* room for any message of these files */

enum tls_profile {
  TLS_INTERMEDIATE, /* TLS 1.2, and 1.3 where the library has it */
  TLS_MODERN,       /* TLS 1.3 alone */
};

enum tls_version { TLS_1_2, TLS_1_3 };

/* Files in PEM; the key may be in the certificate's (NULL). */
struct tls_pair {
  const char *certificate, *key;
  const char *passphrase; /* of the key; NULL: it has none */
};

/* The first pair is for clients that ask for no name, or for one that nobody
 * has; several may have the same name, with keys of different kinds. */
struct tls_server_options {
  const struct tls_pair *pairs;
  size_t count; /* 0: made on the spot, for development */
  enum tls_profile profile;
  enum tls_version lowest;
  const char *client_ca; /* file; NULL: clients are not asked who they are */
  bool requires_client;
};

struct tls_client_options {
  const char *ca;   /* a file of certificates in PEM; NULL: the system's */
  bool is_insecure; /* nothing is verified */
};

#endif
