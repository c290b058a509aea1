/*
 * virtual_network - the network of a test: who listens and who connects is in
 * this process, and what passes between them is memory. Nothing moves but in
 * virtual_network_run, so a test knows when all has arrived.
 *
 * A live one has real TCP underneath. In both, any name leads to a port that is
 * listened on here, and each connection goes out through an impairment, by
 * which a test makes it slow.
 */
#ifndef RATCHET_NET_VIRTUAL_NETWORK_H
#define RATCHET_NET_VIRTUAL_NETWORK_H

#include "base/list.h"
#include "clock.h"
#include "transport.h"

struct virtual_port;

/* Owned by whoever tests, by value; borrows the clock. While a loop has it,
 * listener.h and dial.h go by it. */
struct virtual_network {
  struct clock *clock;
  struct list ports, links, impairments;
  uint16_t last_port;
  bool is_live;
};

void virtual_network_init(struct virtual_network *network, struct clock *clock,
                          bool is_live);
/* Moves what is on its way by one step: true when anything was. */
bool virtual_network_run(struct virtual_network *network);

/* A port that is listened on; the one asked for, or where that is 0 or taken,
 * another one. `accepted` gets a transport that is its own. NULL without
 * memory. */
struct virtual_port *
virtual_port_open(struct virtual_network *network, int port,
                  void (*accepted)(void *owner, struct transport *transport),
                  void *owner);
/* The same for one that the kernel listens on. */
struct virtual_port *virtual_port_note(struct virtual_network *network,
                                       int port);
int virtual_port_number(const struct virtual_port *port);
/* Who has not been accepted yet finds the connection broken. */
void virtual_port_close(struct virtual_port *port);

/* Is nobody connected any more? */
bool virtual_network_is_empty(const struct virtual_network *network);
bool virtual_network_has(const struct virtual_network *network, int port);
/* A connection to that port: the client's end. NULL without memory. */
struct transport *virtual_network_connect(struct virtual_network *network,
                                          int port);

#endif
