/*
 * check - the unit tests' harness: tests that register themselves, checks that
 * say where they failed, and the two cruelties every parser gets: its input
 * chopped in all ways, and each byte at the end of a page that ends the world.
 *
 *   TEST(slice_trims_both_ends) {
 *     CHECK(slice_equals(slice_trim(SLICE(" a ")), SLICE("a")));
 *   }
 *
 * A failed check is printed and the test goes on. All test files are linked
 * into one program; its arguments are substrings of the tests to run.
 */
#ifndef RATCHET_TESTS_CHECK_H
#define RATCHET_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test {
  const char *name;
  void (*run)(void);
  struct test *next;
};

void check_register(struct test *test);

#define TEST(title)                                                            \
  static void test_##title(void);                                              \
  static struct test entry_##title = {#title, test_##title, NULL};             \
  __attribute__((constructor)) static void register_##title(void) {            \
    check_register(&entry_##title);                                            \
  }                                                                            \
  static void test_##title(void)

bool check_true(bool is_good, const char *text, const char *file, int line);
bool check_equal(int64_t a, int64_t b, const char *text, const char *file,
                 int line);
bool check_bytes(const void *a, size_t a_length, const void *b, size_t b_length,
                 const char *text, const char *file, int line);

/* All of these yield whether the check held. */
#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b)                                                         \
  check_equal((int64_t)(a), (int64_t)(b), #a " == " #b, __FILE__, __LINE__)
/* Strings that end in NUL; any may be NULL. */
#define CHECK_TEXT(a, b) check_text((a), (b), #a, __FILE__, __LINE__)
#define CHECK_BYTES(a, a_length, b, b_length)                                  \
  check_bytes((a), (a_length), (b), (b_length), #a, __FILE__, __LINE__)

bool check_text(const char *a, const char *b, const char *text,
                const char *file, int line);

/* What the checks below are about; printed with a failure. NULL for nothing. */
void check_context(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void check_no_context(void);

/* How many checks have failed in this test so far. */
int check_failures(void);

/* A copy of the bytes, so placed that reading or writing one byte past its end
 * ends the process. Valid until the 8th further call; at most 256 KiB. */
uint8_t *guarded(const void *bytes, size_t length);

/* How a chopped vector is eaten. `feed` is given each piece as a guarded copy,
 * which it may change. */
struct chop_user {
  void (*start)(void *context);
  void (*feed)(void *context, uint8_t *piece, size_t length);
  void (*finish)(void *context); /* compares what came of it */
  void *context;
};

/* Replays the vector whole, byte by byte, and cut in two at each place. */
void chop(const void *vector, size_t length, const struct chop_user *user);

/* Owned by the caller, freed with free(); takes "81 05 'Hello'" apart: pairs
 * of hex digits, text in single quotes, and `xNNN` repeats of the byte before.
 */
uint8_t *bytes_of(const char *notation, size_t *length);

#endif
