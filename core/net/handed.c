#include "handed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HANDED_MOST = 1024 };

/* -1 when the variable is no number. */
static long number_of(const char *variable) {
  const char *text = getenv(variable);
  char *end;
  if (!text || *text < '0' || *text > '9') return -1;
  long value = strtol(text, &end, 10);
  return *end == '\0' ? value : -1;
}

int handed_count(void) {
  if (number_of("LISTEN_PID") != (long)getpid()) return 0;
  long count = number_of("LISTEN_FDS");
  if (count < 1 || count > HANDED_MOST) return 0;
  for (int i = 0; i < count; i++) {
    int flags = fcntl(HANDED_FIRST + i, F_GETFD);
    if (flags < 0) return i;
    fcntl(HANDED_FIRST + i, F_SETFD, flags | FD_CLOEXEC);
  }
  return (int)count;
}

struct slice handed_name(int i) {
  const char *names = getenv("LISTEN_FDNAMES");
  if (!names) return SLICE("");
  struct slice rest = {names, strlen(names)};
  for (; i > 0 && rest.at; i--) slice_cut(&rest, ':');
  return rest.at ? slice_cut(&rest, ':') : SLICE("");
}
