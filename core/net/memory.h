/*
 * memory - the transport without a network: a test is the peer. Everything
 * happens when the test says so.
 */
#ifndef RATCHET_NET_MEMORY_H
#define RATCHET_NET_MEMORY_H

#include "base/buffer.h"
#include "transport.h"

/* Freed after `closed`, by memory_run. The test borrows it. */
struct memory_transport;

struct memory_transport *memory_transport_new(void);
struct transport *memory_transport_face(struct memory_transport *memory);

/* The peer's side. Bytes wait while the owner does not read. False, and none of
 * them will come, when there is no memory. */
bool memory_send(struct memory_transport *memory, const void *bytes,
                 size_t length);
void memory_send_fin(struct memory_transport *memory);
void memory_break(struct memory_transport *memory, int error);
/* How many bytes may wait for the peer before try_write takes less. */
void memory_set_window(struct memory_transport *memory, size_t window);
/* What the owner has written and the peer not yet taken. */
const struct buffer *memory_received(struct memory_transport *memory);
void memory_take(struct memory_transport *memory, size_t length);
/* How many of the peer's bytes the owner has not read yet. */
size_t memory_waiting(const struct memory_transport *memory);
bool memory_is_shut_down(const struct memory_transport *memory);
bool memory_is_closed(const struct memory_transport *memory);

/* Would memory_run deliver anything? */
bool memory_has_more(const struct memory_transport *memory);
/* Delivers what is due (reads, written, closed). False when the transport has
 * been closed, and is gone. */
bool memory_run(struct memory_transport *memory);

#endif
