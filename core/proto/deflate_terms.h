/*
 * deflate_terms - what two endpoints agree on about permessage-deflate (RFC
 * 7692 7.1): offers, the answer to them, and the check of an answer. Text and
 * numbers only; deflater.c and inflater.c do the work.
 */
#ifndef RATCHET_PROTO_DEFLATE_TERMS_H
#define RATCHET_PROTO_DEFLATE_TERMS_H

#include "http_head.h"

enum {
  DEFLATE_BITS_MIN = 9, /* zlib's raw deflate cannot do 8 */
  DEFLATE_BITS_MAX = 15,
  DEFLATE_TERMS_MAX = 160, /* bytes of terms as text, the NUL included */
};

/* What one wants, as a server or as a client. */
struct deflate_settings {
  bool is_wanted;
  bool keeps_server_context; /* from message to message, of the server's */
  bool keeps_client_context; /* ... of the client's */
  int level;                 /* 1 fast to 9 small */
  uint8_t window_bits;       /* at most, of ours; of the peer's where kept */
  uint8_t memory_level;      /* 1 to 9, zlib's memLevel */
  uint32_t threshold;        /* bytes; shorter messages go as they are */
};

/* Not wanted, but what holds where nothing else is said. */
extern const struct deflate_settings deflate_settings_default;

/* One direction of the traffic. */
struct deflate_side {
  uint8_t window_bits; /* 8 to 15, 15 when not named */
  bool is_named;       /* ..._max_window_bits is there */
  bool is_fresh;       /* ..._no_context_takeover: each message by itself */
};

/* By whose messages are compressed. As an offer: what is proposed; a client
 * that names its bits as 15 writes them without a value ("I can"). */
struct deflate_terms {
  struct deflate_side server, client;
};

/* The server's part: the first offer of the request that can be met, and on
 * what terms. False when there is none: the handshake then goes on without. An
 * offer is passed over, and no error, when a parameter is unknown, repeated, or
 * has a bad value, and when it asks for a server window of 8 bits. */
bool deflate_accept(const struct http_head *head,
                    const struct deflate_settings *settings,
                    struct deflate_terms *terms);

/* The client's part: what to offer for such settings. */
struct deflate_terms deflate_offer(const struct deflate_settings *settings);

/* ... and what the server answered. 1: agreed, `terms` is set; 0: the server
 * declined; -1: the connection is to be failed (RFC 7692 7.1, RFC 6455 9.1),
 * and *reason says why. */
int deflate_read_answer(const struct http_head *head,
                        const struct deflate_terms *offer,
                        struct deflate_terms *terms, const char **reason);

/* "permessage-deflate; client_max_window_bits=10", as an answer. Returns the
 * length. */
size_t deflate_write_terms(const struct deflate_terms *terms,
                           char text[DEFLATE_TERMS_MAX]);
/* The same as an offer. */
size_t deflate_write_offer(const struct deflate_terms *offer,
                           char text[DEFLATE_TERMS_MAX]);

#endif
