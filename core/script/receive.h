/*
 * receive - a connection read as a straight line: the next message is asked for
 * where it is wanted.
 */
#ifndef RATCHET_SCRIPT_RECEIVE_H
#define RATCHET_SCRIPT_RECEIVE_H

#include <lua.h>
#include <stdbool.h>

struct event;

int receive_take(lua_State *L);
int receive_hear(lua_State *L);
int receive_begin_run(lua_State *L);
int receive_begin_line(lua_State *L);
/* Its handler `run` has ended. */
void receive_run_ended(struct event *event, bool is_well);

#endif
