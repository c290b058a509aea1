/*
 * command_line - the options, the commands, and which server is meant.
 */
#include "command_line.h"

#include "base/log.h"
#include "base/slice.h"
#include "net/control_client.h"
#include "net/loop.h"
#include "net/redis_reader.h"
#include "net/signals.h"
#include "proto/libraries.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet-lua [options] app.lua [arguments]\n"
    "       ratchet-lua [options] COMMAND [arguments]\n"
    "\n"
    "Serves WebSockets with an application written in Lua.\n"
    "\n"
    "  --host NAME        the address to listen on, over the app's own\n"
    "  --port N           the port to listen on, over the app's own; 0: any\n"
    "  --watch            load the app anew whenever one of its files "
    "changes;\n"
    "                     --development with it\n"
    "  --dev-tls          TLS on each listener, with a certificate for\n"
    "                     localhost that is made on the spot: for development\n"
    "  --development      what is refused, and why, is told to the client too\n"
    "  --log-level LEVEL  debug, info (default), warn, error, off\n"
    "  --log-format FORM  text (default) or json, a line an event, on stderr\n"
    "  --version          the version, and those of the libraries\n"
    "  --help             this text\n"
    "\n"
    "Commands, each with a --help of its own:\n"
    "\n"
    "  new NAME           makes a folder with a small app to begin with\n"
    "  check app.lua      shows the routes of an app, and finds mistakes\n"
    "  test               runs the specs of an app\n"
    "  connect URL        talks to a WebSocket server\n"
    "  bench URL          measures one\n"
    "  doctor             finds what is in the way of a server\n"
    "\n"
    "To a server that runs, with [--pid N | app.lua] where there are several:\n"
    "\n"
    "  reload             loads the app anew, as SIGHUP does\n"
    "  rollback           goes back to the code before\n"
    "  drain [--seconds N]  hands its clients over to a new process\n"
    "\n"
    "Exit status: 0 done, 1 the app failed to load or to listen, 2 wrong "
    "usage.\n";

static const char control_usage[] =
    "usage: ratchet-lua reload [--pid N | app.lua]\n"
    "       ratchet-lua rollback [--pid N | app.lua]\n"
    "       ratchet-lua drain [--seconds N] [--pid N | app.lua]\n"
    "\n"
    "To a server that runs, of the same user: reload loads its app anew, as "
    "SIGHUP\n"
    "does, rollback goes back to the code before, and drain hands its clients "
    "over to\n"
    "a new process.\n"
    "\n"
    "  --pid N      which server, where there are several; an app file says "
    "it, too\n"
    "%s"
    "  --help       this text\n"
    "\n"
    "Exit status: 0 done, 1 it was not, 2 wrong usage.\n";
static const char drain_usage[] =
    "  --seconds N  over how long, 1 to 86400 (30)\n";

static int complain(const char *what, const char *value) {
  fprintf(stderr, "ratchet-lua: %s%s (see ratchet-lua --help)\n", what, value);
  return EXIT_USAGE;
}

static bool read_number(const char *text, uint64_t least, uint64_t most,
                        uint64_t *number) {
  return slice_number(slice_of(text), 10, number) && *number >= least &&
         *number <= most;
}

static int print_version(void) {
  printf("ratchet-lua %s\n%s, libuv %s, %s, hiredis %s\n", RATCHET_VERSION,
         script_libraries(), loop_library(), proto_libraries(),
         redis_library());
  return EXIT_OK;
}

enum {
  OPTION_HOST = 256,
  OPTION_PORT,
  OPTION_DEV_TLS,
  OPTION_DEVELOPMENT,
  OPTION_LEVEL,
  OPTION_FORMAT,
  OPTION_WATCH,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"dev-tls", no_argument, NULL, OPTION_DEV_TLS},
    {"development", no_argument, NULL, OPTION_DEVELOPMENT},
    {"log-level", required_argument, NULL, OPTION_LEVEL},
    {"log-format", required_argument, NULL, OPTION_FORMAT},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* -1: go on; else the exit status. */
static int read_option(struct command_line *line, int option,
                       const char *value) {
  enum log_level level;
  enum log_format format;
  uint64_t number;
  switch (option) {
  case OPTION_HOST: line->options.host = value; return -1;
  case OPTION_PORT:
    if (!read_number(value, 0, 65535, &number)) {
      return complain("--port takes a number from 0 to 65535, not ", value);
    }
    line->options.port = (int)number;
    return -1;
  case OPTION_DEV_TLS: line->options.dev_tls = true; return -1;
  case OPTION_DEVELOPMENT: line->options.development = true; return -1;
  case OPTION_LEVEL:
    if (!log_level_named(value, &level)) {
      return complain("--log-level takes debug, info, warn, error or off, not ",
                      value);
    }
    log_set_level(level);
    line->has_level = true;
    return -1;
  case OPTION_FORMAT:
    if (!log_format_named(value, &format)) {
      return complain("--log-format takes text or json, not ", value);
    }
    log_set_format(format);
    return -1;
  case OPTION_WATCH:
    line->options.watch = line->options.development = true;
    return -1;
  case 'v': return print_version();
  case 'h': fputs(usage, stdout); return EXIT_OK;
  default: return complain("wrong usage", "");
  }
}

/* What says which server; "drain" has a time too. -1, or the exit status. */
static int read_target(int count, char **words, struct control_target *target,
                       uint64_t *seconds) {
  bool is_drain = strcmp(words[0], "drain") == 0;
  for (int i = 1; i < count; i++) {
    uint64_t number;
    const char *value = i + 1 < count ? words[i + 1] : "";
    if (strcmp(words[i], "--help") == 0) {
      printf(control_usage, is_drain ? drain_usage : "");
      return EXIT_OK;
    }
    if (strcmp(words[i], "--pid") == 0) {
      if (!read_number(value, 1, INT_MAX, &number)) {
        return complain("--pid takes the number of a process, not ", value);
      }
      target->pid = (pid_t)number;
      i++;
    } else if (is_drain && strcmp(words[i], "--seconds") == 0) {
      if (!read_number(value, 1, 86400, seconds)) {
        return complain("--seconds takes a number from 1 to 86400, not ",
                        value);
      }
      i++;
    } else if (words[i][0] != '-' && !target->app) {
      target->app = words[i];
    } else {
      return complain("one --pid N or one app.lua says which server to ",
                      words[0]);
    }
  }
  return -1;
}

/* ratchet-lua reload [--pid N | app.lua] */
static int speak(int count, char **words) {
  struct control_target target = {0};
  uint64_t seconds = 30;
  char command[32];
  int status = read_target(count, words, &target, &seconds);
  if (status >= 0) return status;
  if (strcmp(words[0], "drain") == 0)
    snprintf(command, sizeof command, "drain %llu",
             (unsigned long long)seconds);
  else
    snprintf(command, sizeof command, "%s", words[0]);
  signals_ignore_broken_pipes(); /* of a server that ends while it is asked */
  return control_say(&target, command, stdout, stderr);
}

static bool is_word(const char *text) {
  static const char *const words[] = {"reload", "rollback", "drain"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(text, words[i]) == 0) return true;
  }
  return false;
}

/* Each is a module of Lua, ratchet.command.NAME. An app file of that name is
 * run as ./NAME. */
static bool is_command(const char *word) {
  static const char *const names[] = {"bench",  "check", "connect",
                                      "doctor", "new",   "test"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(word, names[i]) == 0) return true;
  }
  return false;
}

/* What follows is the command's: its name, and its arguments. -1 when it is
 * none. */
static int read_command(struct command_line *line, int count, char **words) {
  bool is_busted = count > 1 && strcmp(words[1], "--ignore-lua") == 0;
  if (is_busted) { /* `busted --lua=ratchet-lua` starts itself again so */
    line->command = "test";
    line->count = count - 2;
    line->arguments = words + 2;
  } else if (is_command(words[0])) {
    line->command = words[0];
    line->count = count - 1;
    line->arguments = words + 1;
  } else {
    return -1;
  }
  if (!line->has_level) log_set_level(LOG_ERROR);
  return 0;
}

int command_line_read(struct command_line *line, int argc, char **argv) {
  int option;
  line->options.port = -1;
  /* "+": what follows the app file is the app's. */
  while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
    int status = read_option(line, option, optarg);
    if (status >= 0) return status;
  }
  if (optind == argc) return complain("which app? an app.lua is missing", "");
  if (is_word(argv[optind])) return speak(argc - optind, argv + optind);
  if (read_command(line, argc - optind, argv + optind) == 0) return -1;
  line->options.is_watched = true;
  line->count = argc - optind;
  line->arguments = argv + optind;
  if (access(line->arguments[0], R_OK) == 0) return -1;
  fprintf(stderr, "ratchet-lua: cannot read %s: %s\n", line->arguments[0],
          strerror(errno));
  return EXIT_APP;
}
