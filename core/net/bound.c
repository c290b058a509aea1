#include "bound.h"

#include <errno.h>
#include <string.h>

/* The name of a unix socket need not end in a NUL. One that is not in the file
 * system begins with a NUL and has no path. */
static void set_path(struct bound *bound, const struct sockaddr_un *name) {
  memcpy(bound->path, name->sun_path, sizeof name->sun_path);
  bound->path[sizeof name->sun_path] = '\0';
}

int bound_of(int fd, struct bound *bound) {
  struct sockaddr_storage name = {0};
  socklen_t length = sizeof name, size = sizeof(int);
  int type;
  *bound = (struct bound){0};
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
  if (type != SOCK_STREAM) return -EPROTOTYPE;
  if (getsockname(fd, (struct sockaddr *)&name, &length) != 0) return -errno;
  if (name.ss_family == AF_UNIX) {
    set_path(bound, (struct sockaddr_un *)(void *)&name);
    return 0;
  }
  bound->address = address_of((struct sockaddr *)&name);
  return bound->address.family == 0 ? -EAFNOSUPPORT : 0;
}
