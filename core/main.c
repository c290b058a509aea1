/*
 * main - wires the layers together, runs the loop, and takes all down again.
 *
 * Everything happens on one thread with a large stack: Lua code that recurses
 * through C (string.gsub, coroutine.wrap, __tostring) uses the C stack, and
 * runs into Lua's own limits before it runs out of this one. Only pages that
 * are touched count.
 */
#include "base/buffer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/write_all.h"
#include "command_line.h"
#include "net/local_socket.h"
#include "net/runtime_folder.h"
#include "net/signals.h"
#include "net/spare_memory.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "script/script.h"
#include "server/server.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  STACK_SIZE = 128 * 1024 * 1024,
  LAST_WORK = 2000,     /* ms for what the app began by luv and has not ended */
  OWN_DESCRIPTORS = 64, /* not for connections: files, the loop, the app's */
  RESERVE = 2, /* of those: only to tell somebody that there are no more */
};

/* Everything there is, for as long as the process runs. */
struct program {
  struct command_line line;
  char control[LOCAL_SOCKET_PATH_MAX];
  struct loop loop;
  struct server server;
  struct script *script;
  struct signals signals;
  struct spare_memory spare_memory;
  int status;
};

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
    program->line.options.control = program->control;
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
  if (!program->line.command) spare_memory_watch(&program->spare_memory);
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
  const char *app = program->line.arguments[0];
  if (!script_load(program->script, program->line.count,
                   program->line.arguments)) {
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
  buffer_append_text(&text, program->line.arguments[0]);
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
  if (!script_begin_command(program->script, program->line.command,
                            program->line.count, program->line.arguments)) {
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

/* What the app has begun is ended while its callbacks can still be called;
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
  program->loop.on_turn = NULL;
  spare_memory_stop(&program->spare_memory);
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
  if (!program->line.command) name_control(program);
  program->script =
      script_new(&program->loop, &program->server, &program->line.options);
  if (!program->script) return NULL;
  spare_memory_init(&program->spare_memory, &program->loop.clock);
  program->loop.on_turn = on_turn;
  program->loop.owner = program;
  if (program->line.command) {
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
  if (pthread_create(&thread, &attributes, run, program) != 0) {
    fputs("ratchet-lua: cannot start: no memory for its stack\n", stderr);
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
  int status = command_line_read(&program.line, argc, argv);
  if (status >= 0) return status;
  mem_share_arena();
  return run_on_large_stack(&program);
}
