/*
 * Preloaded (LD_PRELOAD) into ratchet-lua, makes the kernel as stingy as it may
 * be: a call on a stream moves one to three bytes, a quarter of them would
 * block, some are interrupted, and accept fails now and then. All of it is
 * legal, so a correct program behaves as ever; one that took a short count for
 * all of it, or an error for the end, does not.
 *
 * - SHORT_IO_SEED says what is done to which call; without it nothing is done.
 * - SHORT_IO_BYTES: so many bytes of a stream, each way, go in such small steps
 *   only, and after them one call in four does (16384).
 * - SHORT_IO_REPORT: a file that each process adds a line to as it exits:
 * calls, short, would block, interrupted, accepts that failed.
 *
 * The same seed does the same to the n-th call on a descriptor. Only a program
 * of the name ratchet-lua is meant: what it starts inherits the variable.
 *
 * What is left alone, and why: datagrams (a short one is lost); pipes (a write
 * of at most PIPE_BUF is whole, and libuv counts on it); EAGAIN and short
 * writes where the descriptor blocks; EINTR and EAGAIN for files on a disk,
 * which are short only; and what was sent by a peer that hung up, for libuv
 * takes a short read for the last one then (UV_HANDLE_READ_PARTIAL).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 65536, BYTES = 16384, FILE_STEP = 1000 };
enum way { IN, OUT };
enum kind { OTHER, STREAM, DISK };

/* What has become of a descriptor since it was made. */
struct history {
  _Atomic uint32_t calls;
  _Atomic uint64_t bytes[2];    /* IN, OUT */
  _Atomic bool is_out_of_files; /* accept said so: the next one would block */
};

static struct history histories[DESCRIPTORS];
static _Atomic uint64_t calls, short_ones, blocked, interrupted, accepts;
static uint64_t seed;
static uint64_t most_bytes = BYTES;
static bool is_on;

/* The function that this one stands in front of. */
#define REAL(name)                                                             \
  static __typeof__(&name) real;                                               \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("SHORT_IO_SEED");
  const char *bytes = getenv("SHORT_IO_BYTES");
  is_on = text && strcmp(program_invocation_short_name, "ratchet-lua") == 0;
  if (text) seed = strtoull(text, NULL, 10);
  if (bytes) most_bytes = strtoull(bytes, NULL, 10);
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("SHORT_IO_REPORT");
  if (!is_on || !path) return;
  is_on = false;
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return;
  dprintf(fd, "%llu %llu %llu %llu %llu\n", (unsigned long long)calls,
          (unsigned long long)short_ones, (unsigned long long)blocked,
          (unsigned long long)interrupted, (unsigned long long)accepts);
  close(fd);
}

static struct history *history_of(int fd) {
  return &histories[(unsigned)fd % DESCRIPTORS];
}

static int made(int fd) {
  if (fd >= 0) memset(history_of(fd), 0, sizeof(struct history));
  return fd;
}

/* The dice of this call: the finalizer of splitmix64 over seed, descriptor and
 * count. */
static uint64_t roll(int fd) {
  uint64_t n = atomic_fetch_add(&history_of(fd)->calls, 1);
  uint64_t x = (seed << 40) ^ ((uint64_t)(unsigned)fd << 24) ^ n;
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

static enum kind kind_of(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  struct stat status;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0) {
    return type == SOCK_STREAM ? STREAM : OTHER;
  }
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return DISK;
  return OTHER;
}

static bool may_block(int fd) {
  return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static bool has_hung_up(int fd) {
  struct pollfd peer = {.fd = fd};
  return poll(&peer, 1, 0) > 0 && (peer.revents & POLLHUP);
}

/* Decides about a call that wants `length` bytes: 0 with fewer in `length`, or
 * -1 and errno. */
static int ration(int fd, enum way way, size_t *length) {
  int before = errno;
  enum kind kind = is_on && *length > 0 ? kind_of(fd) : OTHER;
  errno = before;
  if (kind == OTHER) return 0;
  uint64_t dice = roll(fd);
  size_t step = 1 + (dice >> 16) % 3;
  calls++;
  if (kind == DISK) {
    if (step == 3) step = FILE_STEP;
  } else if (dice % 64 == 0) {
    interrupted++;
    errno = EINTR;
    return -1;
  } else if ((dice >> 8) % 4 == 0 && !may_block(fd)) {
    blocked++;
    errno = EAGAIN;
    return -1;
  }
  if (history_of(fd)->bytes[way] >= most_bytes && (dice >> 24) % 4 != 0) {
    return 0;
  }
  if (way == IN && kind == STREAM && has_hung_up(fd)) return 0;
  if (way == OUT && kind == STREAM && may_block(fd)) return 0;
  if (*length > step) {
    short_ones++;
    *length = step;
  }
  return 0;
}

static ssize_t moved(int fd, enum way way, ssize_t count) {
  if (is_on && count > 0) history_of(fd)->bytes[way] += (uint64_t)count;
  return count;
}

static size_t total(const struct iovec *pieces, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += pieces[i].iov_len;
  return sum;
}

/* As ration, for pieces: where fewer bytes are to move, they are in `cut`,
 * which the first piece that has any begins; the caller gives the kernel
 * `*pieces`. */
static int ration_pieces(int fd, enum way way, const struct iovec **pieces,
                         size_t *count, struct iovec *cut) {
  size_t wanted = total(*pieces, *count);
  size_t length = wanted;
  if (ration(fd, way, &length) != 0) return -1;
  if (length == wanted) return 0;
  const struct iovec *first = *pieces;
  while (first->iov_len == 0) first++;
  *cut = *first;
  if (cut->iov_len > length) cut->iov_len = length;
  *pieces = cut;
  *count = 1;
  return 0;
}

/* ---- what moves bytes */

ssize_t read(int fd, void *bytes, size_t length) {
  REAL(read);
  if (ration(fd, IN, &length) != 0) return -1;
  return moved(fd, IN, real(fd, bytes, length));
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  if (ration(fd, OUT, &length) != 0) return -1;
  return moved(fd, OUT, real(fd, bytes, length));
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t from) {
  REAL(pread64);
  if (ration(fd, IN, &length) != 0) return -1;
  return moved(fd, IN, real(fd, bytes, length, from));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t from) {
  REAL(pwrite64);
  if (ration(fd, OUT, &length) != 0) return -1;
  return moved(fd, OUT, real(fd, bytes, length, from));
}

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
  REAL(recv);
  if (ration(fd, IN, &length) != 0) return -1;
  return moved(fd, IN, real(fd, bytes, length, flags));
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  REAL(send);
  if (ration(fd, OUT, &length) != 0) return -1;
  return moved(fd, OUT, real(fd, bytes, length, flags));
}

ssize_t readv(int fd, const struct iovec *pieces, int n) {
  REAL(readv);
  struct iovec cut;
  size_t count = (size_t)n;
  if (ration_pieces(fd, IN, &pieces, &count, &cut) != 0) return -1;
  return moved(fd, IN, real(fd, pieces, (int)count));
}

ssize_t writev(int fd, const struct iovec *pieces, int n) {
  REAL(writev);
  struct iovec cut;
  size_t count = (size_t)n;
  if (ration_pieces(fd, OUT, &pieces, &count, &cut) != 0) return -1;
  return moved(fd, OUT, real(fd, pieces, (int)count));
}

ssize_t preadv64(int fd, const struct iovec *pieces, int n, off64_t from) {
  REAL(preadv64);
  struct iovec cut;
  size_t count = (size_t)n;
  if (ration_pieces(fd, IN, &pieces, &count, &cut) != 0) return -1;
  return moved(fd, IN, real(fd, pieces, (int)count, from));
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int n, off64_t from) {
  REAL(pwritev64);
  struct iovec cut;
  size_t count = (size_t)n;
  if (ration_pieces(fd, OUT, &pieces, &count, &cut) != 0) return -1;
  return moved(fd, OUT, real(fd, pieces, (int)count, from));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  REAL(recvmsg);
  struct iovec cut;
  const struct iovec *pieces = message->msg_iov;
  struct iovec *own = message->msg_iov;
  size_t own_count = message->msg_iovlen;
  size_t count = own_count;
  if (ration_pieces(fd, IN, &pieces, &count, &cut) != 0) return -1;
  message->msg_iov = (struct iovec *)(uintptr_t)pieces;
  message->msg_iovlen = count;
  ssize_t got = real(fd, message, flags);
  message->msg_iov = own;
  message->msg_iovlen = own_count;
  return moved(fd, IN, got);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(sendmsg);
  struct iovec cut;
  struct msghdr less = *message;
  const struct iovec *pieces = less.msg_iov;
  size_t count = less.msg_iovlen;
  if (ration_pieces(fd, OUT, &pieces, &count, &cut) != 0) return -1;
  less.msg_iov = (struct iovec *)(uintptr_t)pieces;
  less.msg_iovlen = count;
  return moved(fd, OUT, real(fd, &less, flags));
}

/* ---- what makes sockets */

/* What accept says instead, or 0. Without descriptors libuv turns away all who
 * wait, so that somebody else has taken them then: nobody is to be lost. */
static int accept_error(int fd) {
  static const int rare[] = {ENOMEM, ENOBUFS, EPROTO, EPERM};
  static const int full[] = {EMFILE, ENFILE};
  struct history *history = history_of(fd);
  uint64_t dice = roll(fd);
  if (atomic_exchange(&history->is_out_of_files, false)) return EAGAIN;
  switch (dice % 16) {
  case 0:
  case 1:
  case 2:
  case 3: return EAGAIN;
  case 4: return EINTR;
  case 5: return ECONNABORTED;
  case 6: return rare[(dice >> 8) % 4];
  case 7: history->is_out_of_files = true; return full[(dice >> 8) % 2];
  default: return 0;
  }
}

int accept4(int fd, struct sockaddr *name, socklen_t *length, int flags) {
  REAL(accept4);
  int error = is_on && !may_block(fd) ? accept_error(fd) : 0;
  if (error) {
    calls++;
    accepts++;
    errno = error;
    return -1;
  }
  return made(real(fd, name, length, flags));
}

int socket(int family, int type, int protocol) {
  REAL(socket);
  return made(real(family, type, protocol));
}

int socketpair(int family, int type, int protocol, int pair[2]) {
  REAL(socketpair);
  if (real(family, type, protocol, pair) != 0) return -1;
  made(pair[0]);
  made(pair[1]);
  return 0;
}

int open64(const char *path, int flags, ...) {
  static int (*real)(const char *, int, int);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "open64");
  __builtin_va_list rest;
  __builtin_va_start(rest, flags);
  int mode = flags & (O_CREAT | __O_TMPFILE) ? __builtin_va_arg(rest, int) : 0;
  __builtin_va_end(rest);
  return made(real(path, flags, mode));
}

/* ---- waiting */

int epoll_pwait(int fd, struct epoll_event *events, int most, int ms,
                const sigset_t *mask) {
  REAL(epoll_pwait);
  if (is_on && ms != 0 && roll(fd) % 64 == 0) {
    interrupted++;
    errno = EINTR;
    return -1;
  }
  return real(fd, events, most, ms, mask);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int ms) {
  REAL(epoll_wait);
  if (is_on && ms != 0 && roll(fd) % 64 == 0) {
    interrupted++;
    errno = EINTR;
    return -1;
  }
  return real(fd, events, most, ms);
}
