/*
 * reader - turns the bytes of a peer into messages and control frames
 * (RFC 6455 5 to 8). A pull parser: bytes are fed, then the caller asks "next?"
 * until it hears READER_NEED_MORE. It calls nobody and knows no socket.
 *
 *   reader_feed(&reader, bytes, n);
 *   while (reader_next(&reader, &event) != READER_NEED_MORE) ...
 *
 * A message that lies whole in what was fed is unmasked in place and handed out
 * as a slice of it; only what is cut by the end of the input, or fragmented,
 * is gathered in a buffer of the reader's, and that is given back as soon as
 * the message is done. An idle reader owns no memory.
 *
 * Errors are found at the first byte that shows them: sizes from the header,
 * UTF-8 at the first impossible byte. They are sticky: nothing after one is
 * delivered.
 *
 * A compressed message (RFC 7692) is gathered as it came, inflated when it is
 * whole, and judged then: so one inflater serves any number of readers, and one
 * that is under way costs what was sent of it. Its size is the inflated one;
 * inflating stops where that, or the UTF-8 of it, goes wrong.
 */
#ifndef RATCHET_PROTO_READER_H
#define RATCHET_PROTO_READER_H

#include "frame.h"
#include "inflater.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_role {
  READER_SERVER, /* the peer is a client: its frames must be masked */
  READER_CLIENT, /* the peer is a server: its frames must not be */
};

enum reader_result {
  READER_NEED_MORE, /* all that was fed is used up; after CLOSE, for ever */
  READER_TEXT,
  READER_BINARY,
  READER_PING,
  READER_PONG,
  READER_CLOSE,
  READER_VIOLATION, /* fail the connection with event.code and event.reason */
  READER_NO_MEMORY, /* these two are said again at each further call */
};

/* Borrowed from the reader or from the bytes fed to it: valid until the next
 * call of reader_next, reader_feed or reader_free; what was compressed, until
 * the next reader_next of any reader. */
struct reader_event {
  const uint8_t *data; /* the payload; of a close frame, its reason */
  size_t length;
  uint16_t code;      /* CLOSE: the peer's, 1005 for none. VIOLATION: to send */
  const char *reason; /* VIOLATION: what the peer did wrong, a constant */
};

/* Owned by the connection, by value; `gathered` and `control` are the
 * reader's, allocated while a message or a control frame is incomplete; the
 * inflater is borrowed. The fields are the reader's business
 * (reader_internal.h); they stand here so that a connection needs no second
 * allocation. */
struct reader {
  /* What was fed and is not used yet; borrowed. */
  uint8_t *at, *end;

  /* The message so far, unmasked: the first `length` of `capacity` bytes. */
  uint8_t *gathered;
  size_t length, capacity;
  uint64_t max_length;

  /* Either in a frame: how much of its payload is used, how much to come; or
   * between two: the bytes of a header, cut by the end of input. */
  union {
    struct {
      uint64_t offset, remaining;
    };
    uint8_t header[FRAME_HEADER_MAX];
  };

  uint8_t *control;          /* the payload of a control frame that came cut */
  const char *reason;        /* of the violation */
  struct inflater *inflater; /* NULL: compression was not agreed on */
  uint32_t utf8;             /* how far the text is good, utf8.h */
  uint16_t code;             /* of the violation */
  uint8_t key[4];
  uint8_t header_length;
  uint8_t role;     /* enum reader_role */
  uint8_t state;    /* enum reader_state */
  uint8_t first;    /* byte 0 of the current frame: FIN, RSV and opcode */
  uint8_t opcode;   /* of the message that is under way; 0 when none is */
  bool is_deflated; /* the message that is under way */
};

void reader_init(struct reader *reader, enum reader_role role,
                 uint64_t max_message_size);
void reader_free(struct reader *reader);

/* permessage-deflate was agreed on; to be said before anything is fed. The
 * inflater stays the caller's, and must be there as long as the reader is fed.
 */
void reader_inflate_with(struct reader *reader, struct inflater *inflater);

/* The reader uses (and unmasks, in place) the bytes until reader_next has said
 * READER_NEED_MORE; all bytes fed before must be used up. */
void reader_feed(struct reader *reader, uint8_t *bytes, size_t length);

enum reader_result reader_next(struct reader *reader,
                               struct reader_event *event);

/* The fed bytes that reader_next has not used yet. */
size_t reader_unused(const struct reader *reader, const uint8_t **bytes);

/* Lets go of them: the caller has kept them elsewhere, to feed them later. */
void reader_drop_unused(struct reader *reader);

/* While a large frame is incomplete: where its next payload bytes belong, so
 * that the socket can be read straight to there; bytes read to there are fed
 * as any others are. Returns how many fit, or 0 when the caller's own buffer
 * serves as well. */
size_t reader_space(struct reader *reader, uint8_t **bytes);

/* Is the peer in the middle of a frame or of a fragmented message? */
bool reader_is_mid_message(const struct reader *reader);

#endif
