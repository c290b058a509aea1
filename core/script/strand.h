/*
 * strand - the events of one connection, one after the other.
 */
#ifndef RATCHET_SCRIPT_STRAND_H
#define RATCHET_SCRIPT_STRAND_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct coroutine;
struct event;
struct list;
struct script;
struct strand;
struct waiter;

/* Runs the event, or queues it behind the one that waits. */
void strand_deliver(struct script *script, struct event *event);
/* Of its handler; NULL without memory. */
struct waiter *strand_waiter(struct script *script, struct connection *conn);
bool strand_is_waiting(const struct connection *conn);
/* Of its code that runs or waits, or else of what its next event will run. */
uint32_t strand_version(struct script *script, struct connection *conn);
/* Pushes the ids of the connections whose handlers wait in older code. */
void strand_push_outdated(struct script *script, lua_State *L);
/* The handler of this event is the one that waits, in that coroutine. */
void strand_wait(struct event *event, struct coroutine co);
/* Ends every wait without an answer: the server is closing. */
void strands_drop(struct script *script);
/* Its last event has been told. */
void strand_closed(struct connection *conn);
/* Where its timers stand (timer.in_owner); NULL without memory. */
struct list *strand_timers(struct script *script, struct connection *conn);

/* How many events are queued. */
size_t strand_queued(const struct connection *conn);

/* Line mode: messages are not told but received (receive.c). */
enum line {
  LINE_NONE,
  LINE_RUN,  /* while its handler `run` runs */
  LINE_FREE, /* by whoever wants to: it has no handlers */
};
/* False without memory. */
bool strand_begin_line(struct script *script, struct connection *conn,
                       enum line line);
void strand_end_line(struct connection *conn);
enum line strand_line(const struct connection *conn);
/* The first message or close that is queued, or NULL. */
const struct event *strand_first(const struct connection *conn);
void strand_take(struct connection *conn, const struct event *first);
/* The next of them ends this wait. False without memory. */
bool strand_hear(struct script *script, struct connection *conn,
                 struct waiter *waiter);
bool strand_is_heard(const struct connection *conn);
void strand_stop_hearing(struct strand *strand);

#endif
