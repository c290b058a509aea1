/* test_write_all - a signal in the middle of a write loses nothing. */
#include "base/write_all.h"
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { LENGTH = 1 << 20 };

static _Atomic int alarms;

static void on_alarm(int number) {
  (void)number;
  alarms++;
}

/* Empties the pipe only when a signal has found its writer waiting. */
static void *read_slowly(void *pipe_end) {
  static unsigned char bytes[1 << 16];
  size_t total = 0;
  size_t wrong = 0;
  ssize_t length;
  for (int seen = alarms; alarms < seen + 3;) usleep(100);
  while ((length = read(*(int *)pipe_end, bytes, sizeof bytes)) > 0) {
    for (ssize_t i = 0; i < length; i++, total++) {
      wrong += bytes[i] != (unsigned char)(total % 251);
    }
    usleep(500);
  }
  return (void *)(wrong == 0 ? total : 0);
}

TEST(write_all_goes_on_after_a_signal) {
  static unsigned char bytes[LENGTH];
  struct sigaction action = {.sa_handler = on_alarm},
                   before; /* no SA_RESTART */
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  sigset_t alarm_only, mask;
  pthread_t reader;
  void *total = NULL;
  int ends[2];
  for (size_t i = 0; i < LENGTH; i++) bytes[i] = (unsigned char)(i % 251);
  if (!CHECK(pipe(ends) == 0)) return;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  sigaction(SIGALRM, &action, &before);
  /* The signals are for the writer. */
  pthread_sigmask(SIG_BLOCK, &alarm_only, &mask);
  pthread_create(&reader, NULL, read_slowly, &ends[0]);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  CHECK(write_all(ends[1], bytes, LENGTH) == 0);
  setitimer(ITIMER_REAL, &never, NULL);
  close(ends[1]);
  pthread_join(reader, &total);
  close(ends[0]);
  sigaction(SIGALRM, &before, NULL);
  CHECK((size_t)total == LENGTH);
}

TEST(write_all_says_why_it_cannot) {
  CHECK(write_all(-1, "a", 1) == -EBADF);
  CHECK(write_all(-1, "a", 0) == 0);
}
