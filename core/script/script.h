/*
 * script - the Lua side of the server, as main sees it.
 */
#ifndef RATCHET_SCRIPT_SCRIPT_H
#define RATCHET_SCRIPT_SCRIPT_H

#include "net/loop.h"
#include "server/server.h"

#include <stdbool.h>

struct script;

/* From the command line; the strings are main's. */
struct script_options {
  const char *host;    /* overrides the app's, or NULL */
  int port;            /* overrides the app's, or -1 */
  bool dev_tls;        /* TLS everywhere, with a certificate made on the spot */
  bool is_watched;     /* by a watchdog; one script of a process can be */
  bool development;    /* refusals explain themselves in their bodies */
  const char *control; /* where commands are heard, a path, or NULL */
  bool watch;          /* load the app anew when its files change */
  /* Makes the state's memory instead of LuaJIT's own allocator, for tests. */
  void *(*allocate)(void *owner, void *block, size_t old_size, size_t new_size);
};

/* Borrows the loop and the server, which must outlive it. NULL when there is no
 * memory. */
struct script *script_new(struct loop *loop, struct server *server,
                          const struct script_options *options);

/* Runs the app file; arguments[0] is its path. False after an error, which has
 * been logged. */
bool script_load(struct script *script, int count, char **arguments);
/* In place of that: has the command run, from the first turn of the loop on,
 * until it stops the loop; its exit status is then known. False after an error,
 * which has been logged. */
bool script_begin_command(struct script *script, const char *name, int count,
                          char **arguments);
int script_status(const struct script *script);
/* From here on the app can be loaded anew. */
void script_begin_reloads(struct script *script);
/* Does the app listen anywhere? */
bool script_is_listening(const struct script *script);
/* Logs a warning for each socket that was handed over and is not used. */
void script_report_handed(const struct script *script);
/* The addresses that the app announced, one a line. */
const char *script_addresses(const struct script *script);
/* Loads every listener's certificates anew, for new connections; one that
 * cannot be loaded is logged, and stays as it was. */
void script_reload_certificates(struct script *script);
/* No new connection is accepted from here on. */
void script_stop_listening(struct script *script);

/* Call at the end of each turn, before server_turn. */
void script_turn(struct script *script);
/* Call after server_turn: a handler that was woken meanwhile, by one of its
 * events, goes on in the next turn, and that must not wait for a socket. */
void script_turn_done(struct script *script);
/* Handlers that wait are not resumed any more, so that they do not keep their
 * connections. */
void script_end_waits(struct script *script);
/* "LuaJIT 2.1.0-beta3, luv 1.44.2, cjson 2.1.0" */
const char *script_libraries(void);
/* Ends what the app has begun and needs no connection: waits, tasks, timers,
 * its connections to HTTP and Redis servers, and the handles that it made by
 * luv, whose callbacks are called in the next turns. */
void script_close_handles(struct script *script);
/* Every connection must be gone, and nothing of luv's be left on the loop. */
void script_free(struct script *script);

#endif
