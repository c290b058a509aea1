/*
 * compression - what a connection that agreed on permessage-deflate compresses
 * and inflates with.
 *
 * All connections of the same terms share one, so it costs them nothing, and a
 * message that goes to many of them is compressed once. Contexts that the terms
 * keep from message to message belong to one connection: then it has its own.
 * One that has compressed nothing for a minute gives its context back; that of
 * the peer's messages has to stay, for the peer may refer to it at any time.
 */
#ifndef RATCHET_SERVER_COMPRESSION_H
#define RATCHET_SERVER_COMPRESSION_H

#include "base/list.h"
#include "base/payload.h"
#include "proto/deflate_terms.h"
#include "proto/deflater.h"
#include "proto/reader.h"
#include "wheel.h"

enum { COMPRESSION_IDLE = 60 * 1000 /* ms */ };

/* Part of the server: what its connections share. Owns the inflater and the
 * deflaters, which stay until compressions_free; borrows the wheel. */
struct compressions {
  struct list shared;  /* compression.link */
  struct list working; /* compression.in_working, the latest used last */
  struct wheel *wheel;
  struct wheel_entry timer; /* until the first of `working` gives back */
  struct inflater *inflater;
  struct deflater **deflaters;
  size_t deflater_count;
};

/* Owned by its references, one of each connection. Owns what keeps a context,
 * borrows the rest from compressions. */
struct compression {
  struct list link, in_working;
  struct compressions *all;
  struct deflate_terms terms;
  struct deflater *deflater; /* NULL: zlib cannot keep to what was agreed */
  struct inflater *inflater;
  bool owns_deflater, owns_inflater;
  uint32_t threshold; /* shorter messages go as they are */
  uint32_t references;
  uint64_t used; /* ms of the clock: when it last compressed */
};

void compressions_init(struct compressions *all, struct wheel *wheel);
/* There must be no connection left. */
void compressions_free(struct compressions *all);
/* compressions.timer has rung. */
void compressions_rest(struct compressions *all);

/* What a connection of these terms uses; `role` is its reader's. NULL when
 * there is no memory. */
struct compression *compression_get(struct compressions *all,
                                    const struct deflate_settings *settings,
                                    const struct deflate_terms *terms,
                                    enum reader_role role);
void compression_drop(struct compression *compression);

/* The frame in the form in which the connection gets it: compressed, or, when
 * it is no message, too short, does not become smaller, or memory is short, as
 * it is. The reference is the caller's. What it returns must be sent. */
struct payload *compression_apply(struct compression *compression,
                                  struct payload *frame);

#endif
