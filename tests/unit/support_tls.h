/*
 * support_tls - two ends of TLS back to back: a server and a client, each over
 * memory, with bytes moved between them by hand, so that they can be cut, held
 * back and spoilt. Certificates are made in memory and written to a folder of
 * their own.
 */
#ifndef RATCHET_TESTS_SUPPORT_TLS_H
#define RATCHET_TESTS_SUPPORT_TLS_H

#include "base/buffer.h"
#include "net/memory.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "net/tls_identity.h"
#include "net/tls_server.h"

/* What one end's owner hears. */
struct tls_end {
  struct transport *transport; /* NULL once it is closed */
  struct memory_transport *memory;
  struct buffer got;
  bool opened, ended, is_pausing;
  int error, written, closed; /* written: how often; error: of ended */
  char why[TLS_ERROR_MAX];
};

/* There is one at a time. `cut`: how many bytes go at once; 0: all. */
struct tls_wire {
  struct tls_end server, client;
  size_t cut;
  /* What is moved may be changed on its way. */
  void (*spoil)(uint8_t *bytes, size_t length, bool from_client);
};

/* The options of a server whose certificate (of localhost and *.example.org,
 * ECDSA) signs for itself, and of a client that trusts it. Made once. */
const struct tls_server_options *tls_test_server(void);
const struct tls_client_options *tls_test_client(void);
/* Paths of the files: "cert.pem", "key.pem", ... */
const char *tls_test_path(const char *name);
void tls_test_write(const char *name, const char *text);

/* False when either could not be made. */
bool tls_wire_open(struct tls_wire *wire, struct tls_server *server,
                   struct tls_config *client, const char *name);
/* Moves bytes until nothing is left to be moved. */
void tls_wire_run(struct tls_wire *wire);
void tls_wire_close(struct tls_wire *wire);
/* A client's end alone, of "localhost". */
bool tls_end_open(struct tls_end *end, struct tls_config *client);
void tls_end_close(struct tls_end *end);
/* try_write, and write for what is left. */
void tls_end_send(struct tls_end *end, const void *bytes, size_t length);

#endif
