/*
 * control_client - speaks to a running server by its control socket: one line
 * is said ("reload"), and what is answered until it closes is shown. It blocks:
 * it is for a program that does nothing else.
 *
 * An answer begins with the line "ok" or "error". To "status" it goes on with
 * the real path of the app file and its version, each on a line.
 */
#ifndef RATCHET_NET_CONTROL_CLIENT_H
#define RATCHET_NET_CONTROL_CLIENT_H

#include <stdio.h>
#include <sys/types.h>

/* Which server: the one of that process, or else the one of that app file, or
 * else the only one there is. */
struct control_target {
  pid_t pid;       /* or 0 */
  const char *app; /* or NULL */
};

/* Says `word`; what is answered goes to `out`, what is wrong to `errors`.
 * Returns the exit status: 0, or 1 after an error. */
int control_say(const struct control_target *target, const char *word,
                FILE *out, FILE *errors);

#endif
