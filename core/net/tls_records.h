/*
 * tls_records - the two record buffers of a connection, lent to it only while
 * it has a record in hand.
 *
 * The library gives each connection two buffers of 16 KiB for its whole life,
 * and no way to have fewer: that is 33 KiB for one that says nothing. Between
 * two records nothing in them counts but the number of the next incoming one.
 * So a connection that has no part of a record is made to give them up, and
 * gets two from the pool when bytes come or go. A busy loop works in the same
 * pair for all its connections, which the processor's cache likes too.
 *
 * This is the one file that looks inside the library's context; it knows 2.28
 * and 3.6, whose layouts are settled. With any other version nothing is lent.
 */
#ifndef RATCHET_NET_TLS_RECORDS_H
#define RATCHET_NET_TLS_RECORDS_H

#include "tls_library.h"

/* Part of the connection; all zero: its buffers are its own. */
struct tls_loan {
  bool is_lent; /* the context has no buffers: tls_records_take is due */
  unsigned char in_message, out_message; /* where a message begins in each */
  unsigned char counter[8];              /* of the next incoming record */
};

/* To be called before the context is used. False when there is no memory. */
bool tls_records_take(mbedtls_ssl_context *ssl, struct tls_loan *loan);
/* To be called when it has been used: takes the buffers away when nothing is in
 * them. */
void tls_records_give(mbedtls_ssl_context *ssl, struct tls_loan *loan);
/* Frees what the pool holds. */
void tls_records_drain(void);

/* The number of the alert that the peer sent, after the error that says so. */
int tls_records_alert(const mbedtls_ssl_context *ssl);

#endif
