#include "control_client.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/write_all.h"
#include "runtime_folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds for an answer. One who is only asked who it is may be busy or
 * stopped, and is not what was meant. */
enum { PATIENCE = 60000, PATIENCE_FOR_STATUS = 2000 };

/* One whose socket takes us in. */
struct server {
  pid_t pid;
  int fd;             /* it was asked for its status */
  char app[PATH_MAX]; /* its answer; "" without one */
};

/* Owns its servers and their descriptors. */
struct servers {
  struct server *list;
  size_t count;
};

static void be_patient(int fd, int option, uint64_t milliseconds) {
  struct timeval time = {.tv_sec = (time_t)(milliseconds / 1000),
                         .tv_usec = (suseconds_t)(milliseconds % 1000 * 1000)};
  setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

static int connect_to(pid_t pid, uint64_t patience) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int error = runtime_socket(address.sun_path, sizeof address.sun_path, pid);
  if (error) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  be_patient(fd, SO_RCVTIMEO, patience);
  /* For connect: a process that is stopped takes no more than its backlog. */
  be_patient(fd, SO_SNDTIMEO, patience);
  if (connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0) {
    return fd;
  }
  error = -errno;
  close(fd);
  return error;
}

/* Connects and says it: a descriptor, or a negative errno. */
static int say(pid_t pid, const char *word, uint64_t patience) {
  char line[64];
  int fd = connect_to(pid, patience);
  if (fd < 0) return fd;
  int length = snprintf(line, sizeof line, "%s\n", word);
  int error = write_all(fd, line, (size_t)length);
  if (!error) return fd;
  close(fd);
  return error;
}

/* The answer ends in a NUL and is the caller's. 0 or a negative errno. */
static int read_all(int fd, struct buffer *answer) {
  char bytes[4096];
  ssize_t length;
  while ((length = read(fd, bytes, sizeof bytes)) != 0) {
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return -errno;
    if (!buffer_append(answer, bytes, (size_t)length)) return -ENOMEM;
  }
  if (answer->length == 0) return -ECONNRESET;
  return buffer_append(answer, "", 1) ? 0 : -ENOMEM;
}

/* ---- which servers there are */

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* Those that are dead are passed over. */
static void ask_one(struct servers *servers, pid_t pid) {
  int fd = say(pid, "status", PATIENCE_FOR_STATUS);
  if (fd < 0) return;
  size_t size = (servers->count + 1) * sizeof(struct server);
  struct server *list = mem_resize(servers->list, size);
  if (!list) {
    close(fd);
    return;
  }
  servers->list = list;
  list[servers->count++] = (struct server){.pid = pid, .fd = fd};
}

/* Reads the line after the first. */
static void hear_one(struct server *server, uint64_t until) {
  struct buffer answer = {0};
  uint64_t time = now();
  be_patient(server->fd, SO_RCVTIMEO, until > time ? until - time : 1);
  if (read_all(server->fd, &answer) != 0 ||
      sscanf((char *)answer.bytes, "ok\n%4095[^\n]", server->app) != 1) {
    server->app[0] = '\0';
  }
  buffer_free(&answer);
  close(server->fd);
}

/* All servers of this user, which are asked at once. The caller's. */
static struct servers ask_all(void) {
  struct servers servers = {0};
  char path[PATH_MAX];
  struct dirent *entry;
  DIR *folder = runtime_folder(path, sizeof path) ? NULL : opendir(path);
  if (!folder) return servers;
  while ((entry = readdir(folder))) {
    char *end;
    long pid = strtol(entry->d_name, &end, 10);
    if (pid > 0 && strcmp(end, ".sock") == 0) ask_one(&servers, (pid_t)pid);
  }
  closedir(folder);
  uint64_t until = now() + PATIENCE_FOR_STATUS;
  for (size_t i = 0; i < servers.count; i++) hear_one(&servers.list[i], until);
  return servers;
}

static bool is_app(const struct server *server, const char *app) {
  char real[PATH_MAX];
  if (!server->app[0]) return false;
  return !app || (realpath(app, real) && strcmp(server->app, real) == 0);
}

static void list_silent(const struct servers *servers, FILE *errors) {
  for (size_t i = 0; i < servers->count; i++) {
    const struct server *one = &servers->list[i];
    if (one->app[0]) continue;
    fprintf(errors, "  --pid %ld  does not answer\n", (long)one->pid);
  }
}

static void list_apps(const struct servers *servers, const char *app,
                      FILE *errors) {
  for (size_t i = 0; i < servers->count; i++) {
    const struct server *one = &servers->list[i];
    if (!is_app(one, app)) continue;
    fprintf(errors, "  --pid %ld  %s\n", (long)one->pid, one->app);
  }
}

/* The only one of that app, or 0 after saying what is wrong. */
static pid_t choose_one(const struct servers *servers, const char *app,
                        FILE *errors) {
  int count = 0;
  pid_t pid = 0;
  for (size_t i = 0; i < servers->count; i++) {
    if (!is_app(&servers->list[i], app)) continue;
    count++;
    pid = servers->list[i].pid;
  }
  if (count == 1) return pid;
  if (count > 1) {
    fprintf(errors, "ratchet-lua: %d servers run; say which one:\n", count);
    list_apps(servers, app, errors);
  } else if (app) {
    fprintf(errors, "ratchet-lua: no server of this user serves %s\n", app);
  } else {
    fprintf(errors, "ratchet-lua: no server of this user %s\n",
            servers->count > 0 ? "answers" : "runs");
  }
  list_silent(servers, errors);
  return 0;
}

/* The process to speak to, or 0 after saying why there is none. */
static pid_t choose(const struct control_target *target, FILE *errors) {
  char folder[PATH_MAX];
  if (target->pid) return target->pid;
  int error = runtime_folder(folder, sizeof folder);
  if (error) {
    fprintf(errors, "ratchet-lua: the runtime folder cannot be used: %s\n",
            strerror(-error));
    return 0;
  }
  struct servers servers = ask_all();
  pid_t pid = choose_one(&servers, target->app, errors);
  mem_free(servers.list);
  return pid;
}

/* 0 or a negative errno. The answer is the caller's. */
static int ask(pid_t pid, const char *word, struct buffer *answer) {
  int fd = say(pid, word, PATIENCE);
  if (fd < 0) return fd;
  int error = read_all(fd, answer);
  close(fd);
  return error;
}

int control_say(const struct control_target *target, const char *word,
                FILE *out, FILE *errors) {
  struct buffer answer = {0};
  pid_t pid = choose(target, errors);
  if (pid == 0) return 1;
  int error = ask(pid, word, &answer);
  if (error) {
    fprintf(errors, "ratchet-lua: process %ld cannot be asked: %s\n", (long)pid,
            error == -EAGAIN ? "it does not answer" : strerror(-error));
    buffer_free(&answer);
    return 1;
  }
  const char *text = answer.bytes ? (const char *)answer.bytes : "";
  bool is_good = strncmp(text, "ok\n", 3) == 0;
  const char *rest = strchr(text, '\n');
  fprintf(is_good ? out : errors, "%s", rest ? rest + 1 : text);
  buffer_free(&answer);
  return is_good ? 0 : 1;
}
