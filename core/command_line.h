/*
 * command_line - what the program is to do, out of its arguments. --help,
 * --version and what is said to a server that runs are done in here.
 */
#ifndef RATCHET_COMMAND_LINE_H
#define RATCHET_COMMAND_LINE_H

#include "script/script.h"

#include <stdbool.h>

enum {
  EXIT_OK = 0,
  EXIT_APP = 1, /* it failed to load or to listen */
  EXIT_USAGE = 2,
};

/* The strings are those of main. */
struct command_line {
  struct script_options options;
  int count;
  char **arguments;    /* the app file and what follows it; or of: */
  const char *command; /* what is run in place of an app, or NULL */
  bool has_level;      /* of the log */
};

/* -1: there is something to run; else the exit status, all is done or told.
 * Sets level and form of the log. */
int command_line_read(struct command_line *line, int argc, char **argv);

#endif
