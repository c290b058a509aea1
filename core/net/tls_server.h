/*
 * tls_server - the TLS of one listener: the files it was told, the config that
 * was made of them, and a new one when they change.
 *
 * A new config is for new handshakes; connections live on by the one that they
 * began with. What cannot be loaded is logged and changes nothing. Tickets are
 * sealed by keys of the config, which the library replaces every two hours;
 * with client certificates there are none, since a ticket would outlive them.
 */
#ifndef RATCHET_NET_TLS_SERVER_H
#define RATCHET_NET_TLS_SERVER_H

#include "loop.h"
#include "tls_options.h"
#include "transport.h"

struct tls_server;

/* Copies the options. NULL with a message in `error`, which names the file.
 * Watches the files when there is a loop. */
struct tls_server *tls_server_new(struct loop *loop,
                                  const struct tls_server_options *options,
                                  char error[TLS_ERROR_MAX]);
/* As tls_wrap. */
struct transport *tls_server_wrap(struct tls_server *server,
                                  struct transport *below);
/* Loads the files anew; false when it stays with what it has. Logs either. */
bool tls_server_reload(struct tls_server *server);
/* Looks at the files no more; libuv frees the timer in its next turn. */
void tls_server_unwatch(struct tls_server *server);
/* Connections live on. */
void tls_server_free(struct tls_server *server);

#endif
