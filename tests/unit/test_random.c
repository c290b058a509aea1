/* Random bytes: all differ, whatever is asked for at a time, in a child too. */
#include "base/random.h"
#include "check.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(random_gives_other_bytes_each_time) {
  uint8_t seen[64][16];
  for (int i = 0; i < 64; i++) CHECK(random_bytes(seen[i], 16));
  for (int i = 0; i < 64; i++) {
    for (int j = 0; j < i; j++) CHECK(memcmp(seen[i], seen[j], 16) != 0);
  }
}

/* Each byte takes many values: none is left over from before. */
TEST(random_fills_all_that_is_asked_for) {
  uint8_t bytes[1000], united[1000] = {0};
  for (int i = 0; i < 20; i++) {
    memset(bytes, 0, sizeof bytes);
    CHECK(random_bytes(bytes, sizeof bytes));
    for (size_t at = 0; at < sizeof bytes; at++) united[at] |= bytes[at];
  }
  for (size_t at = 0; at < sizeof bytes; at++) CHECK(united[at] != 0);
}

TEST(random_differs_in_a_child) {
  uint8_t ours[16], theirs[16];
  int ends[2];
  CHECK(random_bytes(ours, 1)); /* there is something in stock */
  CHECK_EQ(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    bool is_good = random_bytes(theirs, sizeof theirs);
    _exit(is_good && write(ends[1], theirs, 16) == 16 ? 0 : 1);
  }
  CHECK(random_bytes(ours, sizeof ours));
  CHECK_EQ(read(ends[0], theirs, sizeof theirs), 16);
  CHECK(memcmp(ours, theirs, 16) != 0);
  waitpid(child, NULL, 0);
  close(ends[0]);
  close(ends[1]);
}
