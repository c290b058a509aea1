/*
 * local_socket - the file of a unix socket: made when nobody serves at its
 * path, taken away when its server goes.
 */
#ifndef RATCHET_NET_LOCAL_SOCKET_H
#define RATCHET_NET_LOCAL_SOCKET_H

#include <sys/stat.h>
#include <sys/un.h>

enum { LOCAL_SOCKET_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path };

/* Owned, by value, by whoever bound it. An empty path is no file. */
struct local_file {
  char path[LOCAL_SOCKET_PATH_MAX];
  dev_t device;
  ino_t inode;
};

/* Binds a new socket to `path`; `mode` is the file's, or -1 for what the umask
 * leaves. The file of a server that is gone is replaced; where one listens it
 * is EADDRINUSE, and EEXIST where there is any other file. Two that begin in
 * the same instant may both think the other is gone: the last has the path.
 * Returns the descriptor, which is the caller's, or a negative errno. */
int local_socket_bind(const char *path, int mode, struct local_file *file);
/* Removes the file, unless another one has taken its place. */
void local_file_remove(struct local_file *file);

#endif
