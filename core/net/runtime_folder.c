#include "runtime_folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int name_folder(char *path, size_t size) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  int length;
  if (runtime && runtime[0] == '/')
    length = snprintf(path, size, "%s/ratchet-lua", runtime);
  else if (geteuid() == 0)
    length = snprintf(path, size, "/run/ratchet-lua");
  else
    length = snprintf(path, size, "/tmp/ratchet-lua-%u", (unsigned)geteuid());
  return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* In /tmp anybody can make a folder of that name first. */
static int check_folder(const char *path) {
  struct stat found;
  if (lstat(path, &found) != 0) return -errno;
  if (!S_ISDIR(found.st_mode)) return -ENOTDIR;
  bool is_ours = found.st_uid == geteuid() && (found.st_mode & 077) == 0;
  return is_ours ? 0 : -EPERM;
}

int runtime_folder(char *path, size_t size) {
  int error = name_folder(path, size);
  if (error) return error;
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return -errno;
  return check_folder(path);
}

int runtime_socket(char *path, size_t size, pid_t pid) {
  char folder[4096];
  int error = runtime_folder(folder, sizeof folder);
  if (error) return error;
  int length = snprintf(path, size, "%s/%ld.sock", folder, (long)pid);
  return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}
