/*
 * support_stage - a server with everything round it: a clock that is moved by
 * hand, a service and an endpoint that write down what they are told, and peers
 * in memory that say what they have heard.
 *
 *   struct stage *stage = stage_open();
 *   struct peer *peer = stage_upgraded(stage);
 *   peer_frame(peer, OP_TEXT, "Hello");
 *   stage_run(stage);
 *   CHECK_TEXT(stage_events(stage), "open; text Hello");
 *   CHECK_TEXT(peer_heard(peer), "101; text Hello");
 *   stage_close(stage);
 *
 * Events are "open", "text Hello", "binary ..", "ping ..", "pong ..", "drain",
 * "close 1000 bye", "refused 408", "drained"; "2:open" for the connection with
 * the id 2. A run of one byte is "a x100".
 *
 * What the peers do neither fails nor counts while memory is taken away
 * (support_starve).
 */
#ifndef RATCHET_TESTS_SUPPORT_STAGE_H
#define RATCHET_TESTS_SUPPORT_STAGE_H

#include "net/memory.h"
#include "server/opening.h"

enum { STAGE_PEERS = 512, STAGE_TEXT = 16 * 1024 };

#define STAGE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define STAGE_HANDSHAKE                                                        \
  "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n"            \
  "Connection: Upgrade\r\nSec-WebSocket-Key: " STAGE_KEY "\r\n"                \
  "Sec-WebSocket-Version: 13\r\n\r\n"

/* A text, a binary message, a ping, a pong and a close, as peer_send takes. */
#define STAGE_ALL_KINDS                                                        \
  "81 81 00000000 'a' 82 81 00000000 'b' 89 81 00000000 'p'"                   \
  "8A 81 00000000 'q' 88 82 00000000 03E8"

/* Owned by the stage. What it has taken off the wire, as far as it was not
 * asked for, is in `got`. */
struct peer {
  struct stage *stage;
  struct memory_transport *memory; /* NULL once the server let go of it */
  bool is_stuck;                   /* takes only what peer_take takes */
  bool has_head;                   /* the answer's head has been read */
  bool is_server;                  /* the connection goes out to it */
  bool told_fin, told_gone;
  bool saw_fin;
  uint8_t *got;
  size_t length;
};

struct stage {
  struct manual_clock clock;
  struct server server;
  struct endpoint endpoint;
  struct service service;
  struct service *served; /* what peers connect to: that one, at first */
  /* What the app does: in the event whose text begins with `act_on` (NULL: in
   * each), after it was written down. */
  const char *act_on;
  void (*act)(struct stage *stage, struct connection *conn);
  /* On a request; NULL: upgrades. */
  void (*decide)(struct stage *stage, struct connection *conn);
  bool echoes;
  struct connection *conn; /* the last that an event or a request was of */
  int unused;              /* how often the endpoint was given back */
  size_t peer_count;
  struct peer peers[STAGE_PEERS];
  char events[STAGE_TEXT];
  int64_t held; /* blocks, before all this */
};

/* There is one stage at a time. */
struct stage *stage_open(void);
/* Ends all connections, frees everything and checks that nothing is held. */
void stage_close(struct stage *stage);

/* A peer that has connected; the second yields one that has been upgraded, with
 * nothing of that left in events and heard. */
struct peer *stage_connect(struct stage *stage);
struct peer *stage_upgraded(struct stage *stage);
/* An upgraded one that takes only what peer_take takes, and lets so many bytes
 * wait for it; until peer_unstick. */
struct peer *stage_stuck(struct stage *stage, size_t window);
/* A peer that was connected to and is asked for an upgrade: what is to be told
 * of that is in `opening`. A NULL in its connection: there was no memory. */
struct peer *stage_ask(struct stage *stage, const struct opening *opening,
                       struct connection **conn);
/* Moves bytes and runs turns until nothing happens any more. */
void stage_run(struct stage *stage);
/* One turn: all that the peers sent is delivered, then what is due is done. */
void stage_turn(struct stage *stage);
void stage_wait(struct stage *stage, uint64_t milliseconds);
/* All peers must be gone: there is room for as many again. */
void stage_forget_peers(struct stage *stage);
/* What has happened since the last call. */
const char *stage_events(struct stage *stage);
void stage_note(struct stage *stage, const char *event);
/* Is that what has happened, and what the peer has heard? */
void stage_check(struct peer *peer, const char *events, const char *heard);

/* For `act`: asks for a pause. */
void stage_pause(struct stage *stage, struct connection *conn);
/* For `decide`: the test does it, later, on stage->conn. */
void stage_decide_later(struct stage *stage, struct connection *conn);

/* `notation` as for bytes_of. */
void peer_send(struct peer *peer, const char *notation);
void peer_send_bytes(struct peer *peer, const void *bytes, size_t length);
void peer_send_text(struct peer *peer, const char *text);
/* A masked frame of text that ends in NUL, or of `length` times one byte. */
void peer_frame(struct peer *peer, enum opcode opcode, const char *text);
void peer_frame_of(struct peer *peer, enum opcode opcode, char byte,
                   size_t length);
/* Takes so many bytes off the wire. */
void peer_take(struct peer *peer, size_t length);
void peer_unstick(struct peer *peer);
/* What came since the last call: "101; text Hello; close 1000; FIN; gone". The
 * head of an answer is its status; what follows one other than 101 is left out.
 */
const char *peer_heard(struct peer *peer);
/* All that came and was not asked for, as it came; it counts as heard. */
const char *peer_heard_raw(struct peer *peer);

/* Queues a frame of `length` times a byte. */
enum send_result stage_send(struct connection *conn, char byte, size_t length);

#endif
