/*
 * transport - a stream of bytes to one peer: TCP or a pipe (stream.c), or
 * memory (memory.c); TLS is one round another. Nothing above this line knows
 * which it has.
 */
#ifndef RATCHET_NET_TRANSPORT_H
#define RATCHET_NET_TRANSPORT_H

#include "base/address.h"
#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct transport;

/* What is known of a connection's TLS. */
struct transport_secrecy {
  const char *version; /* "TLSv1.3" */
  char cipher[64];     /* "TLS_AES_128_GCM_SHA256" */
  /* What the client asked for, valid while the transport is; NULL: nothing. */
  const char *server_name;
  char client[512]; /* the subject of its certificate, "" without one */
};

/* What its owner hears. No call comes from inside a function of the ops, and
 * every function of the ops may be called from inside each, close included. */
struct transport_events {
  /* Where the owner would have the next bytes; 0: it has no preference. */
  size_t (*space)(void *owner, uint8_t **bytes);
  /* The bytes are the owner's to change, until it returns. Those of TLS may
   * still come when reading was stopped by `opened`. */
  void (*read)(void *owner, uint8_t *bytes, size_t length);
  /* 0: the peer sends no more (FIN). A negative errno: the stream is broken,
   * and close is the only thing left to do; but while TLS was opening, the
   * alert to the peer is on its way, and it may be waited for that the peer
   * ends, which is then told too. */
  void (*ended)(void *owner, int error);
  /* What `write` took is out; or not, with a negative errno. */
  void (*written)(void *owner, int error);
  /* The last call of all, after `close`: the transport is freed. */
  void (*closed)(void *owner);
  /* It is_opening no longer. May be NULL. */
  void (*opened)(void *owner);
};

struct transport_ops {
  /* 0 or a negative errno. */
  int (*start_reading)(struct transport *transport);
  void (*stop_reading)(struct transport *transport);
  /* Hands over what can go at once; returns how many bytes that was, from 0 to
   * all of them, or a negative errno when the stream is broken. */
  ssize_t (*try_write)(struct transport *transport, const struct slice *pieces,
                       size_t count);
  /* For what try_write left over: the pieces' bytes must stay until `written`
   * is heard; until then neither this nor try_write may be called again.
   * 0 or a negative errno. */
  int (*write)(struct transport *transport, const struct slice *pieces,
               size_t count);
  /* How many bytes that were handed over the peer's system has not taken yet;
   * 0 where that cannot be known. */
  size_t (*untaken)(struct transport *transport);
  /* Sends FIN, after everything that was written. 0 or a negative errno. */
  int (*shutdown)(struct transport *transport);
  /* Ends it at once. Only `closed` is heard after this. */
  void (*close)(struct transport *transport);
  /* The peer's address; family 0 where there is none. */
  struct address (*peer)(struct transport *transport);

  /* ---- of TLS; NULL for the others */

  /* Bytes that its maker had read before it was made. Unlike all others it may
   * call any event from inside. */
  void (*feed)(struct transport *transport, uint8_t *bytes, size_t length);
  /* Once it is open. */
  void (*describe)(struct transport *transport,
                   struct transport_secrecy *secrecy);
  /* Why it has ended, in words, or NULL: there is no more to say. */
  const char *(*why)(struct transport *transport);
};

/* Owned by its maker's file, which frees it after `closed`; the owner borrows
 * it until then. */
struct transport {
  const struct transport_ops *ops;
  const struct transport_events *events; /* set by the owner, before reading */
  void *owner;
  bool is_last;    /* the process has hardly a descriptor left for another */
  bool is_opening; /* TLS is being agreed on: what is written waits for that */
};

#endif
