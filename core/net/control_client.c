#include "control_client.h"

#include "base/buffer.h"
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
#include <unistd.h>

enum { PATIENCE = 60 }; /* seconds for an answer */

/* A server that answers. */
struct found {
  pid_t pid;
  char app[PATH_MAX];
};

static int connect_to(pid_t pid) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = PATIENCE};
  int error = runtime_socket(address.sun_path, sizeof address.sun_path, pid);
  if (error) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  /* For connect: a process that is stopped takes no more than its backlog. */
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0) {
    return fd;
  }
  error = -errno;
  close(fd);
  return error;
}

static int read_all(int fd, struct buffer *answer) {
  char bytes[4096];
  ssize_t length;
  while ((length = read(fd, bytes, sizeof bytes)) != 0) {
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return -errno;
    if (!buffer_append(answer, bytes, (size_t)length)) return -ENOMEM;
  }
  return buffer_append(answer, "", 1) ? 0 : -ENOMEM;
}

/* The answer ends in a NUL and is the caller's. 0 or a negative errno. */
static int ask(pid_t pid, const char *word, struct buffer *answer) {
  char line[64];
  int fd = connect_to(pid);
  if (fd < 0) return fd;
  int length = snprintf(line, sizeof line, "%s\n", word);
  int error = write_all(fd, line, (size_t)length);
  if (!error) error = read_all(fd, answer);
  if (!error && answer->length == 1) error = -ECONNRESET; /* only the NUL */
  close(fd);
  return error;
}

/* The line after the first. */
static bool read_status(pid_t pid, struct found *found) {
  struct buffer answer = {0};
  bool is_good =
      ask(pid, "status", &answer) == 0 &&
      sscanf((char *)answer.bytes, "ok\n%4095[^\n]", found->app) == 1;
  found->pid = pid;
  buffer_free(&answer);
  return is_good;
}

static bool is_app(const struct found *found, const char *app) {
  char real[PATH_MAX];
  return !app || (realpath(app, real) && strcmp(found->app, real) == 0);
}

static void list_one(const struct found *found, FILE *errors) {
  fprintf(errors, "  --pid %ld  %s\n", (long)found->pid, found->app);
}

/* Calls `visit` for each server of this user that answers and serves `app`;
 * returns how many there are. */
static int each_server(const char *app, FILE *errors,
                       void (*visit)(const struct found *, FILE *),
                       struct found *last) {
  char path[PATH_MAX];
  struct dirent *entry;
  int count = 0;
  if (runtime_folder(path, sizeof path) != 0) return 0;
  DIR *folder = opendir(path);
  if (!folder) return 0;
  while ((entry = readdir(folder))) {
    struct found found;
    char *end;
    long pid = strtol(entry->d_name, &end, 10);
    if (pid <= 0 || strcmp(end, ".sock") != 0) continue;
    if (!read_status((pid_t)pid, &found) || !is_app(&found, app)) continue;
    count++;
    *last = found;
    if (visit) visit(&found, errors);
  }
  closedir(folder);
  return count;
}

/* The process to speak to, or 0 after saying why there is none. */
static pid_t choose(const struct control_target *target, FILE *errors) {
  struct found found;
  char folder[PATH_MAX];
  if (target->pid) return target->pid;
  int error = runtime_folder(folder, sizeof folder);
  if (error) {
    fprintf(errors, "ratchet-lua: the runtime folder cannot be used: %s\n",
            strerror(-error));
    return 0;
  }
  int count = each_server(target->app, errors, NULL, &found);
  if (count == 1) return found.pid;
  if (count > 1) {
    fprintf(errors, "ratchet-lua: %d servers run; say which one:\n", count);
    each_server(target->app, errors, list_one, &found);
  } else if (target->app) {
    fprintf(errors, "ratchet-lua: no server of this user serves %s\n",
            target->app);
  } else {
    fprintf(errors, "ratchet-lua: no server of this user runs\n");
  }
  return 0;
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
