/*
 * receive - a connection read as a straight line: the next message is asked for
 * where it is wanted.
 */
#ifndef RATCHET_SCRIPT_RECEIVE_H
#define RATCHET_SCRIPT_RECEIVE_H

#include <lua.h>
#include <stdbool.h>

struct connection;
struct event;
struct script;

int receive_take(lua_State *L);
int receive_hear(lua_State *L);
int receive_begin_run(lua_State *L);
int receive_begin_line(lua_State *L);
/* Moves the messages that a line has left out of its queue, to the connection's
 * object, for a receive that comes when the connection is gone. */
void receive_keep_rest(struct script *script, struct connection *conn,
                       const struct event *close);
/* Its handler `run` has ended. */
void receive_run_ended(struct event *event, bool is_well);

#endif
