/*
 * testbed - what a test of an app stands on: a network and a clock of its own.
 */
#ifndef RATCHET_SCRIPT_TESTBED_H
#define RATCHET_SCRIPT_TESTBED_H

#include <lua.h>
#include <stdbool.h>

struct script;

/* The table core.testbed. */
void testbed_push(lua_State *L);
/* At the end of a turn: moves what is under way in a test. Shall the next turn
 * begin at once? */
bool testbed_turn(struct script *script);
/* Something is done that may have consequences. */
void testbed_note_stir(struct script *script);
void testbed_free(struct script *script);

#endif
