/*
 * runtime_folder - where the control sockets of this user's servers lie, one
 * for each process: in $XDG_RUNTIME_DIR, in /run for root, else in /tmp. Nobody
 * else may look into it.
 */
#ifndef RATCHET_NET_RUNTIME_FOLDER_H
#define RATCHET_NET_RUNTIME_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

/* Writes its path, and makes it if it is not there. 0 or a negative errno:
 * -EPERM when what is there is somebody else's. */
int runtime_folder(char *path, size_t size);
/* Writes the path of the socket of that process in it; 0 or a negative errno.
 */
int runtime_socket(char *path, size_t size, pid_t pid);

#endif
