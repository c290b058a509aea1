/*
 * main - reads the command line, wires the layers together, runs the loop.
 *
 * Everything happens on one thread with a large stack: Lua code that recurses
 * through C (string.gsub, coroutine.wrap, __tostring) uses the C stack, and
 * runs into Lua's own limits before it runs out of this one. Only pages that
 * are touched count.
 */
#include "base/buffer.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/write_all.h"
#include "net/control_client.h"
#include "net/local_socket.h"
#include "net/runtime_folder.h"
#include "net/signals.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "proto/libraries.h"
#include "script/script.h"
#include "server/server.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  EXIT_OK = 0,
  EXIT_APP = 1,
  EXIT_USAGE = 2,
  STACK_SIZE = 128 * 1024 * 1024,
  LAST_WORK = 2000,     /* ms for what the app began by luv and has not ended */
  OWN_DESCRIPTORS = 64, /* not for connections: files, the loop, the app's */
  RESERVE = 2, /* of those: only to tell somebody that there are no more */
};

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

/* Everything there is, for as long as the process runs. */
struct program {
  struct script_options options;
  int count;
  char **arguments;    /* the app file and what follows it; or of: */
  const char *command; /* what is run in place of an app, or NULL */
  bool has_level;      /* of the log, from the command line */
  char control[LOCAL_SOCKET_PATH_MAX];
  struct loop loop;
  struct server server;
  struct script *script;
  struct signals signals;
  int status;
};

/* ---- the command line */

static int complain(const char *what, const char *value) {
  fprintf(stderr, "ratchet-lua: %s%s (see ratchet-lua --help)\n", what, value);
  return EXIT_USAGE;
}

static bool read_port(const char *text, int *port) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0 || value > 65535) return false;
  *port = (int)value;
  return true;
}

static int print_version(void) {
  printf("ratchet-lua %s\n%s, libuv %s, %s\n", RATCHET_VERSION,
         script_library(), loop_library(), proto_libraries());
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
static int read_option(struct program *program, int option, const char *value) {
  enum log_level level;
  enum log_format format;
  switch (option) {
  case OPTION_HOST: program->options.host = value; return -1;
  case OPTION_PORT:
    if (read_port(value, &program->options.port)) return -1;
    return complain("--port takes a number from 0 to 65535, not ", value);
  case OPTION_DEV_TLS: program->options.dev_tls = true; return -1;
  case OPTION_DEVELOPMENT: program->options.development = true; return -1;
  case OPTION_LEVEL:
    if (!log_level_named(value, &level)) {
      return complain("--log-level takes debug, info, warn, error or off, not ",
                      value);
    }
    log_set_level(level);
    program->has_level = true;
    return -1;
  case OPTION_FORMAT:
    if (!log_format_named(value, &format)) {
      return complain("--log-format takes text or json, not ", value);
    }
    log_set_format(format);
    return -1;
  case OPTION_WATCH:
    program->options.watch = program->options.development = true;
    return -1;
  case 'v': return print_version();
  case 'h': fputs(usage, stdout); return EXIT_OK;
  default: return complain("wrong usage", "");
  }
}

/* A whole number from 1 to `most`. */
static bool read_number(const char *text, long most, long *number) {
  char *end;
  *number = strtol(text, &end, 10);
  return *text != '\0' && *end == '\0' && *number >= 1 && *number <= most;
}

/* What says which server; "drain" has a time too. -1, or the exit status. */
static int read_target(int count, char **words, struct control_target *target,
                       long *seconds) {
  bool is_drain = strcmp(words[0], "drain") == 0;
  for (int i = 1; i < count; i++) {
    long number;
    const char *value = i + 1 < count ? words[i + 1] : "";
    if (strcmp(words[i], "--pid") == 0) {
      if (!read_number(value, INT_MAX, &number)) {
        return complain("--pid takes the number of a process, not ", value);
      }
      target->pid = (pid_t)number;
      i++;
    } else if (is_drain && strcmp(words[i], "--seconds") == 0) {
      if (!read_number(value, 86400, seconds)) {
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
  long seconds = 30;
  char command[32];
  int status = read_target(count, words, &target, &seconds);
  if (status >= 0) return status;
  if (strcmp(words[0], "drain") == 0)
    snprintf(command, sizeof command, "drain %ld", seconds);
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
static int read_command(struct program *program, int count, char **words) {
  bool is_busted = count > 1 && strcmp(words[1], "--ignore-lua") == 0;
  if (is_busted) { /* `busted --lua=ratchet-lua` starts itself again so */
    program->command = "test";
    program->count = count - 2;
    program->arguments = words + 2;
  } else if (is_command(words[0])) {
    program->command = words[0];
    program->count = count - 1;
    program->arguments = words + 1;
  } else {
    return -1;
  }
  if (!program->has_level) log_set_level(LOG_ERROR);
  return 0;
}

static int read_command_line(struct program *program, int argc, char **argv) {
  int option;
  program->options.port = -1;
  if (argc > 1 && is_word(argv[1])) return speak(argc - 1, argv + 1);
  /* "+": what follows the app file is the app's. */
  while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
    int status = read_option(program, option, optarg);
    if (status >= 0) return status;
  }
  if (optind == argc) return complain("which app? an app.lua is missing", "");
  if (read_command(program, argc - optind, argv + optind) == 0) return -1;
  program->options.is_watched = true;
  program->count = argc - optind;
  program->arguments = argv + optind;
  if (access(program->arguments[0], R_OK) == 0) return -1;
  fprintf(stderr, "ratchet-lua: cannot read %s: %s\n", program->arguments[0],
          strerror(errno));
  return EXIT_APP;
}

/* ---- running */

/* As many connections as the system lets the process have. */
static size_t raise_descriptor_limit(struct loop *loop) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  if (limit.rlim_cur < INT_MAX) {
    loop->last_descriptors = (int)limit.rlim_cur - RESERVE;
  }
  if (limit.rlim_cur <= (rlim_t)2 * OWN_DESCRIPTORS) return limit.rlim_cur / 2;
  return limit.rlim_cur - OWN_DESCRIPTORS;
}

static void log_limit(size_t most) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || most == SIZE_MAX) return;
  log_printf(LOG_INFO, "file limit %llu: %zu connections at most",
             (unsigned long long)limit.rlim_cur, most);
}

/* Without it there is still SIGHUP. */
static void name_control(struct program *program) {
  int error =
      runtime_socket(program->control, sizeof program->control, getpid());
  if (!error) {
    program->options.control = program->control;
    return;
  }
  log_printf(LOG_WARN,
             "`ratchet-lua reload` will not find this server: its "
             "runtime folder cannot be used: %s",
             strerror(-error));
}

static void on_turn(void *owner) {
  struct program *program = owner;
  script_turn(program->script);
  server_turn(&program->server);
  script_turn_done(program->script);
}

static void on_drained(void *owner) {
  loop_stop(&((struct program *)owner)->loop);
}

/* The first asks everybody to go; the second does not wait for them. */
static void leave(struct program *program, int number) {
  bool is_first = !program->server.draining;
  log_printf(LOG_INFO, "signal %d: %s %zu connections", number,
             is_first ? "saying goodbye to" : "dropping",
             program->server.count);
  script_stop_listening(program->script);
  server_drain(&program->server, on_drained, program);
}

static void on_signal(void *owner, int number) {
  struct program *program = owner;
  if (number == SIGHUP)
    script_reload_certificates(program->script);
  else
    leave(program, number);
}

static bool load(struct program *program) {
  const char *app = program->arguments[0];
  if (!script_load(program->script, program->count, program->arguments)) {
    return false;
  }
  script_report_handed(program->script);
  if (script_is_listening(program->script)) {
    script_begin_reloads(program->script);
    return true;
  }
  log_printf(LOG_ERROR, "%s listens nowhere: its last line should be app:run()",
             app);
  return false;
}

/* In one piece: who waits for a line of it has them all. */
static void print_addresses(struct program *program) {
  struct buffer text = {0};
  buffer_append_text(&text, "ratchet-lua " RATCHET_VERSION " serves ");
  buffer_append_text(&text, program->arguments[0]);
  buffer_append_text(&text, "\n");
  buffer_append_text(&text, script_addresses(program->script));
  fflush(stdout);
  /* Nobody reads it: that is no reason not to serve. */
  write_all(STDOUT_FILENO, text.bytes, text.length);
  buffer_free(&text);
}

/* Signals do to a command what they do to any program. */
static int run_command(struct program *program) {
  signals_ignore_broken_pipes();
  if (!script_begin_command(program->script, program->command, program->count,
                            program->arguments)) {
    return EXIT_APP;
  }
  loop_keep(&program->loop, true);
  loop_run(&program->loop);
  return script_status(program->script);
}

static void serve(struct program *program) {
  log_limit(program->server.max_connections);
  print_addresses(program);
  loop_run(&program->loop);
}

/* What the app began by luv is ended while its callbacks can still be called;
 * twice, because those may begin something anew. */
static void finish_app(struct program *program) {
  for (int i = 0; i < 2; i++) {
    script_close_handles(program->script);
    if (loop_finish(&program->loop, LAST_WORK)) continue;
    /* A request (a file, a name) hangs: nobody waits for it. */
    fflush(stdout);
    _exit(program->status);
  }
}

static void close_everything(struct program *program) {
  script_stop_listening(program->script);
  server_terminate(&program->server);
  while (program->server.count > 0) {
    script_end_waits(program->script);
    loop_turn(&program->loop);
  }
  loop_keep(&program->loop, false);
  script_end_waits(program->script); /* tasks need no connection */
  program->loop.on_turn = NULL;
  finish_app(program);
  script_free(program->script);
  server_free(&program->server);
  tls_client_drain();
  tls_drain();
  tls_library_stop();
  pool_drain();
  /* The loop stays: closing it would give SIGTERM its default action back, for
   * one that comes while the process ends. */
}

/* Before there is an app: the system has not given what any server needs. */
static bool init(struct program *program) {
  int error = loop_init(&program->loop);
  if (!error) error = server_init(&program->server, &program->loop.clock);
  if (!error) return true;
  log_printf(LOG_ERROR, "cannot start: the system says: %s", strerror(-error));
  return false;
}

static void *run(void *argument) {
  struct program *program = argument;
  program->status = EXIT_APP;
  if (!init(program)) return NULL;
  program->server.max_connections = raise_descriptor_limit(&program->loop);
  if (!program->command) name_control(program);
  program->script =
      script_new(&program->loop, &program->server, &program->options);
  if (!program->script) return NULL;
  program->loop.on_turn = on_turn;
  program->loop.owner = program;
  if (program->command) {
    program->status = run_command(program);
    close_everything(program);
    return NULL;
  }
  signals_watch(&program->signals, &program->loop, on_signal, program);
  if (load(program)) {
    program->status = EXIT_OK;
    serve(program);
  }
  close_everything(program);
  return NULL;
}

static int run_on_large_stack(struct program *program) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  int error = pthread_create(&thread, &attributes, run, program);
  if (error) {
    log_printf(LOG_ERROR, "cannot start: no thread with a stack of %d MiB: %s",
               STACK_SIZE / 1024 / 1024, strerror(error));
    return EXIT_APP;
  }
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  return program->status;
}

int main(int argc, char **argv) {
  static struct program program;
  /* What an app prints is seen at once, also through a pipe. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  int status = read_command_line(&program, argc, argv);
  if (status >= 0) return status;
  return run_on_large_stack(&program);
}
