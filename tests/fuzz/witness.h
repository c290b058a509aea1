/*
 * witness - hears what the server sends to one peer, and ends the process when
 * that is not what a server (or, where the server asked, a client) may send:
 * answers to what was asked, in order, each whole; behind a 101, frames; behind
 * a close frame, nothing.
 */
#ifndef RATCHET_TESTS_WITNESS_H
#define RATCHET_TESTS_WITNESS_H

#include "base/buffer.h"
#include "proto/http_body.h"
#include "proto/reader.h"

enum expectation {
  EXPECT_ANSWER,
  EXPECT_HEAD_ONLY, /* HEAD was asked for */
  EXPECT_RAW,       /* no HTTP from here on */
};

enum { WITNESS_EXPECTED = 512 };

/* Ends the process unless it is so, and says what was not. */
#define expect(condition)                                                      \
  ((condition) ? (void)0 : witness_fail(#condition, __FILE__, __LINE__))
_Noreturn void witness_fail(const char *what, const char *file, int line);

/* Owned by whoever plays the peer. */
struct witness {
  enum {
    HEARS_ANSWER,
    HEARS_BODY,
    HEARS_REQUEST, /* the peer was connected to */
    HEARS_FRAMES,
    HEARS_ALL, /* raw bytes, or a body up to the end */
  } state;
  struct buffer bytes;                /* of a head that is not whole */
  uint8_t expected[WITNESS_EXPECTED]; /* a ring of expectations */
  size_t first, count;
  struct http_body *body;
  struct reader reader;
  struct inflater *inflater;
  bool has_closed; /* its close frame came */
  char key[24];    /* of the request that was heard */
};

void witness_init(struct witness *witness, bool is_server);
void witness_expect(struct witness *witness, enum expectation expectation);
void witness_hear(struct witness *witness, const uint8_t *bytes, size_t length);
/* FIN came: nothing may be left half said. */
void witness_end(const struct witness *witness);
void witness_free(struct witness *witness);

#endif
