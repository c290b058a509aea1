/* signals - SIGTERM, SIGINT and SIGHUP as events of the loop. */
#ifndef RATCHET_NET_SIGNALS_H
#define RATCHET_NET_SIGNALS_H

#include "loop.h"

enum { SIGNALS = 3 };

/* Owned by main, by value; `asked` is called with the signal's number. */
struct signals {
  uv_signal_t handles[SIGNALS];
  void (*asked)(void *owner, int number);
  void *owner;
};

/* A broken stream is an error of its write. */
void signals_ignore_broken_pipes(void);
/* Does that too. The handles do not keep the loop alive, and loop_close ends
 * them. */
int signals_watch(struct signals *signals, struct loop *loop,
                  void (*asked)(void *owner, int number), void *owner);

#endif
