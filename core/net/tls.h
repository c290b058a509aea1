/*
 * tls - a transport round another: what is written is encrypted, what is read
 * is decrypted, and whoever owns it does not know.
 *
 * The library is given the bytes that came (they lie in one buffer that all
 * connections share) and hands over records, which go on at once. A connection
 * owns bytes of its own only while the transport below does not take more, or
 * while the handshake is on its way. Its record buffers are lent to it only
 * while a record is in hand (tls_records.h).
 */
#ifndef RATCHET_NET_TLS_H
#define RATCHET_NET_TLS_H

#include "tls_config.h"
#include "transport.h"

/* The transport below, with nothing read from it yet, is the new one's. NULL
 * when there is no memory; then it is still the caller's. `server_name` is for
 * a client: what it asks for and what the certificate must say; else NULL. A
 * client's handshake begins when it is first read from. */
struct transport *tls_wrap(struct tls_config *config, struct transport *below,
                           const char *server_name);
/* For a config's callbacks: what the client asks for. */
void tls_note_server_name(mbedtls_ssl_context *ssl, struct slice name);
/* What all share: to be freed when none is left. */
void tls_drain(void);

#endif
