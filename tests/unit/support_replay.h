/*
 * support_replay - vectors for the reader: the bytes of a connection, and the
 * events that they must make, however they are cut and whichever allocation
 * fails.
 */
#ifndef RATCHET_TESTS_SUPPORT_REPLAY_H
#define RATCHET_TESTS_SUPPORT_REPLAY_H

#include "proto/reader.h"

enum vector_flags {
  VECTOR_OF_SERVER = 1,     /* who sent it was a server */
  VECTOR_IS_DEFLATED = 2,   /* permessage-deflate was agreed on */
  VECTOR_KEEPS_CONTEXT = 4, /* ... with contexts */
};

struct vector {
  const char *name;
  const char *bytes;  /* as for bytes_of */
  const char *events; /* as support_event_text writes them */
  size_t decisive; /* how many bytes it takes to see the violation; 0: none */
  uint64_t max;    /* 0: 1 MiB */
  unsigned flags;
};

/* Owned by the test, by value; between replay_start and replay_end it owns its
 * reader and inflater. */
struct replay {
  const struct vector *vector;
  struct inflater *inflater; /* or NULL */
  struct reader reader;
  char events[512];
  size_t fed, decided; /* bytes; at the violation */
  int64_t held;
  bool ran_out;
};

void replay_start(struct replay *replay, const struct vector *vector);
void replay_feed(struct replay *replay, uint8_t *bytes, size_t length);
/* Frees what it owns, and checks that nothing else is held. */
void replay_end(struct replay *replay);

/* Each of the vectors: whole, byte by byte, and cut in two at each place; */
void replay_cut_anywhere(const struct vector *vectors, size_t count);
/* byte by byte: is the violation seen at the byte that decides? */
void replay_to_the_byte(const struct vector *vectors, size_t count);
/* with each allocation failing, alone and for good. */
void replay_starved(const struct vector *vectors, size_t count);

#endif
