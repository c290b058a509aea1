/* test_handed - what the environment says about sockets handed over. */
#include "check.h"
#include "net/handed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void set_environment(const char *pid, const char *count) {
  char own[24];

  snprintf(own, sizeof own, "%ld", (long)getpid());
  setenv("LISTEN_PID", pid ? pid : own, 1);
  setenv("LISTEN_FDS", count, 1);
}

static void tear_down(void) {
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
}

static void check_count(const char *pid, const char *count, int expected) {
  check_context("LISTEN_PID %s, LISTEN_FDS %s", pid ? pid : "own", count);
  set_environment(pid, count);
  CHECK_EQ(handed_count(), expected);
}

TEST(handed_counts_what_is_for_this_process) {
  bool is_mine = fcntl(HANDED_FIRST, F_GETFD) < 0;

  tear_down();
  CHECK_EQ(handed_count(), 0);
  if (is_mine) CHECK_EQ(dup2(0, HANDED_FIRST), HANDED_FIRST);
  check_count(NULL, "1", 1);
  CHECK(fcntl(HANDED_FIRST, F_GETFD) & FD_CLOEXEC);
  check_count("1", "1", 0);
  check_count("", "1", 0);
  check_count("x", "1", 0);
  check_count(NULL, "0", 0);
  check_count(NULL, "", 0);
  check_count(NULL, "-1", 0);
  check_count(NULL, "1x", 0);
  check_count(NULL, "99999999999999999999", 0);
  if (is_mine) close(HANDED_FIRST);
  tear_down();
}

static void check_name(int i, const char *expected) {
  check_context("name %d", i);
  CHECK(slice_equals(handed_name(i), slice_of(expected)));
}

TEST(handed_names_are_cut_at_colons) {
  tear_down();
  check_name(0, "");
  setenv("LISTEN_FDNAMES", "web.socket::admin", 1);
  check_name(0, "web.socket");
  check_name(1, "");
  check_name(2, "admin");
  check_name(3, "");
  tear_down();
}
