#include "virtual_network.h"

#include "base/mem.h"
#include "impairment.h"
#include "memory.h"

#include <errno.h>

/* What a socket of the kernel's holds, more or less: who writes more has to
 * wait until the other side reads. */
enum { WINDOW = 256 * 1024, FIRST_PORT = 49152 };

/* Owned by whoever opened it. */
struct virtual_port {
  struct list in_network;
  struct virtual_network *network;
  int number;
  void (*accepted)(void *owner, struct transport *transport); /* NULL: noted */
  void *owner;
};

enum { CLIENT, SERVER };

/* A connection. Owned by the network, freed when both ends have been closed;
 * each end is freed by its memory_run, and is then NULL. */
struct link {
  struct list in_network;
  struct memory_transport *ends[2];
  struct virtual_port *port; /* whose it will be; NULL: it has been accepted */
  bool fin_moved[2];         /* of that end */
};

static struct virtual_port *port_of(struct list *link) {
  return OWNER_OF(link, struct virtual_port, in_network);
}

static struct link *link_of(struct list *link) {
  return OWNER_OF(link, struct link, in_network);
}

void virtual_network_init(struct virtual_network *network, struct clock *clock,
                          bool is_live) {
  *network = (struct virtual_network){
      .clock = clock, .last_port = FIRST_PORT, .is_live = is_live};
  list_init(&network->ports);
  list_init(&network->links);
  list_init(&network->impairments);
}

/* ---- ports */

static struct virtual_port *find(const struct virtual_network *network,
                                 int number) {
  struct list *link = network->ports.next;
  for (; link != &network->ports; link = link->next) {
    if (port_of(link)->number == number) return port_of(link);
  }
  return NULL;
}

bool virtual_network_has(const struct virtual_network *network, int port) {
  return find(network, port) != NULL;
}

bool virtual_network_is_empty(const struct virtual_network *network) {
  return list_is_empty(&network->links) && list_is_empty(&network->impairments);
}

static int free_number(struct virtual_network *network) {
  do {
    if (++network->last_port < FIRST_PORT) network->last_port = FIRST_PORT;
  } while (find(network, network->last_port));
  return network->last_port;
}

struct virtual_port *
virtual_port_open(struct virtual_network *network, int port,
                  void (*accepted)(void *owner, struct transport *transport),
                  void *owner) {
  struct virtual_port *made = mem_alloc_zeroed(1, sizeof *made);
  if (!made) return NULL;
  made->network = network;
  made->number = port == 0 || find(network, port) ? free_number(network) : port;
  made->accepted = accepted;
  made->owner = owner;
  list_append(&network->ports, &made->in_network);
  return made;
}

struct virtual_port *virtual_port_note(struct virtual_network *network,
                                       int port) {
  return virtual_port_open(network, port, NULL, NULL);
}

int virtual_port_number(const struct virtual_port *port) {
  return port->number;
}

void virtual_port_close(struct virtual_port *port) {
  struct list *at = port->network->links.next;
  for (; at != &port->network->links; at = at->next) {
    struct link *link = link_of(at);
    if (link->port != port) continue;
    link->port = NULL;
    if (link->ends[CLIENT]) memory_break(link->ends[CLIENT], -ECONNRESET);
    memory_transport_face(link->ends[SERVER])
        ->ops->close(memory_transport_face(link->ends[SERVER]));
  }
  list_remove(&port->in_network);
  mem_free(port);
}

/* ---- connections */

static struct memory_transport *new_end(void) {
  struct memory_transport *end = memory_transport_new();
  if (end) memory_set_window(end, WINDOW);
  return end;
}

static void discard(struct memory_transport *end) {
  if (!end) return;
  memory_transport_face(end)->ops->close(memory_transport_face(end));
  memory_run(end);
}

struct transport *virtual_network_connect(struct virtual_network *network,
                                          int port) {
  struct link *link = mem_alloc_zeroed(1, sizeof *link);
  struct memory_transport *client = new_end(), *server = new_end();
  if (!link || !client || !server) {
    discard(client);
    discard(server);
    mem_free(link);
    return NULL;
  }
  link->ends[CLIENT] = client;
  link->ends[SERVER] = server;
  link->port = find(network, port);
  list_append(&network->links, &link->in_network);
  return memory_transport_face(client);
}

/* What was written before a close still arrives. */
static bool move(struct link *link, int from) {
  struct memory_transport *end = link->ends[from], *to = link->ends[!from];
  if (!end || !to || link->fin_moved[from]) return false;
  const struct buffer *bytes = memory_received(end);
  size_t length = bytes->length, waiting = memory_waiting(to);
  size_t room = waiting < WINDOW ? WINDOW - waiting : 0;
  bool is_closed = memory_is_closed(end);
  if (length > room && !is_closed) length = room;
  if (length > 0) {
    if (!memory_send(to, bytes->bytes, length)) memory_break(to, -ENOMEM);
    memory_take(end, length);
  }
  bool is_over = is_closed || memory_is_shut_down(end);
  if (is_over && memory_received(end)->length == 0) {
    memory_send_fin(to);
    link->fin_moved[from] = true;
  }
  return length > 0 || link->fin_moved[from];
}

static bool run_end(struct link *link, int which) {
  struct memory_transport *end = link->ends[which];
  if (!end || !memory_has_more(end)) return false;
  if (!memory_run(end)) link->ends[which] = NULL;
  return true;
}

static bool accept_waiting(struct link *link) {
  struct virtual_port *port = link->port;
  if (!port) return false;
  link->port = NULL;
  port->accepted(port->owner, memory_transport_face(link->ends[SERVER]));
  return true;
}

static bool run_link(struct link *link) {
  bool has_moved = accept_waiting(link);
  for (int end = CLIENT; end <= SERVER; end++) {
    has_moved = move(link, end) || has_moved;
  }
  for (int end = CLIENT; end <= SERVER; end++) {
    has_moved = run_end(link, end) || has_moved;
  }
  return has_moved;
}

/* Handlers that run here may connect, and then the list grows at its end. */
static bool run_links(struct virtual_network *network) {
  bool has_moved = false;
  struct list *at = network->links.next, *next;
  for (; at != &network->links; at = next) {
    struct link *link = link_of(at);
    has_moved = run_link(link) || has_moved;
    next = at->next;
    if (link->ends[CLIENT] || link->ends[SERVER]) continue;
    list_remove(at);
    mem_free(link);
  }
  return has_moved;
}

bool virtual_network_run(struct virtual_network *network) {
  bool has_moved = impairments_run(&network->impairments);
  return run_links(network) || has_moved;
}
