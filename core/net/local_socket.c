#include "local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int new_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return fd < 0 ? -errno : fd;
}

static struct sockaddr *generic(struct sockaddr_un *address) {
  return (struct sockaddr *)(void *)address;
}

/* 0 when nobody serves there any more. A server with a full queue is alive. */
static int check_dead(struct sockaddr_un *address) {
  int fd = new_socket();
  if (fd < 0) return fd;
  int error = connect(fd, generic(address), sizeof *address) == 0 ? 0 : errno;
  close(fd);
  if (error == ECONNREFUSED || error == ENOENT) return 0;
  return error == 0 || error == EAGAIN ? -EADDRINUSE : -error;
}

/* Nothing is at the path, or what a server that is gone has left there. */
static int make_room(struct sockaddr_un *address) {
  struct stat found;
  if (lstat(address->sun_path, &found) != 0) {
    return errno == ENOENT ? 0 : -errno;
  }
  if (!S_ISSOCK(found.st_mode)) return -EEXIST;
  int error = check_dead(address);
  if (error) return error;
  if (unlink(address->sun_path) == 0 || errno == ENOENT) return 0;
  return -errno;
}

/* Nobody can connect before it listens: the mode is there in time. */
static int bind_file(int fd, struct sockaddr_un *address, int mode,
                     struct local_file *file) {
  struct stat made;
  if (bind(fd, generic(address), sizeof *address) != 0) return -errno;
  if ((mode >= 0 && chmod(address->sun_path, (mode_t)mode) != 0) ||
      lstat(address->sun_path, &made) != 0) {
    int error = errno;
    unlink(address->sun_path);
    return -error;
  }
  memcpy(file->path, address->sun_path, sizeof file->path);
  file->device = made.st_dev;
  file->inode = made.st_ino;
  return 0;
}

int local_socket_bind(const char *path, int mode, struct local_file *file) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0) return -EINVAL;
  if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  int error = make_room(&address);
  if (error) return error;
  int fd = new_socket();
  if (fd < 0) return fd;
  error = bind_file(fd, &address, mode, file);
  if (!error) return fd;
  close(fd);
  return error;
}

void local_file_remove(struct local_file *file) {
  struct stat found;
  if (file->path[0] != '\0' && lstat(file->path, &found) == 0 &&
      found.st_dev == file->device && found.st_ino == file->inode) {
    unlink(file->path);
  }
  file->path[0] = '\0';
}
