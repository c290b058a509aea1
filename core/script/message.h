/*
 * message - a Lua string as a payload, framed once.
 */
#ifndef RATCHET_SCRIPT_MESSAGE_H
#define RATCHET_SCRIPT_MESSAGE_H

#include <lua.h>
#include <stddef.h>

struct payload;
struct script;

/* The last message that was sent, framed: sending the same string again, as a
 * loop over clients does, costs a reference. Lua strings are interned, so while
 * the string is held, the same pointer is the same string. */
struct last_sent {
  const char *text;
  size_t length;
  int opcode; /* or OP_RAW */
  struct payload *payload;
};

enum {
  SCRIPT_KEPT_TEXT = 4096
}; /* a longer last_sent is let go with its turn */

/* The message at `index` as one payload: framed, or raw for OP_RAW. Raises for
 * what may not be sent. The reference is last_sent's. */
enum { OP_RAW = 0x10 };
struct payload *message_payload(struct script *script, lua_State *L, int index,
                                int opcode);
void message_forget(struct script *script);
/* The text at the top came from a reader, which has checked it. */
void message_note_received(struct script *script, lua_State *L);

#endif
