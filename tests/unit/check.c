/*
 * check - the harness's inside, and the main of unit_tests.
 *
 * No framework: what is needed is a list, a counter and mmap, and a reader of
 * the tests should be able to see all of it.
 */
#include "check.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  GUARDED_SLOTS = 8,
  GUARDED_MAX = 256 * 1024,
  SHOWN_FAILURES = 10, /* of one test; a loop may fail a million times */
};

static struct test *first;
static struct test **last = &first;
static struct test *running;
static int failures;
static char context[200];

void check_register(struct test *test) {
  *last = test;
  last = &test->next;
}

void check_context(const char *format, ...) {
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(context, sizeof context, format, arguments);
  va_end(arguments);
}

void check_no_context(void) {
  context[0] = '\0';
}

int check_failures(void) {
  return failures;
}

/* Counts a failure; is it to be shown? */
static bool report(const char *text, const char *file, int line) {
  if (++failures > SHOWN_FAILURES) return false;
  printf("%s:%d: %s: %s", file, line, running->name, text);
  if (context[0]) printf(" [%s]", context);
  return true;
}

bool check_true(bool is_good, const char *text, const char *file, int line) {
  if (!is_good && report(text, file, line)) printf("\n");
  return is_good;
}

bool check_equal(int64_t a, int64_t b, const char *text, const char *file,
                 int line) {
  if (a == b) return true;
  if (report(text, file, line)) {
    printf(": %lld is not %lld\n", (long long)a, (long long)b);
  }
  return false;
}

bool check_text(const char *a, const char *b, const char *text,
                const char *file, int line) {
  if (a == b || (a && b && strcmp(a, b) == 0)) return true;
  if (report(text, file, line)) {
    printf(": \"%s\" is not \"%s\"\n", a ? a : "NULL", b ? b : "NULL");
  }
  return false;
}

bool check_bytes(const void *a, size_t a_length, const void *b, size_t b_length,
                 const char *text, const char *file, int line) {
  if (a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0)) {
    return true;
  }
  if (report(text, file, line)) {
    printf(": %zu bytes differ from %zu\n", a_length, b_length);
  }
  return false;
}

static uint8_t *map_slot(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *slot = mmap(NULL, GUARDED_MAX + page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (slot == MAP_FAILED || mprotect(slot + GUARDED_MAX, page, PROT_NONE)) {
    perror("check: mmap");
    exit(2);
  }
  return slot;
}

uint8_t *guarded(const void *bytes, size_t length) {
  static uint8_t *slots[GUARDED_SLOTS];
  static size_t turn;
  uint8_t **slot = &slots[turn++ % GUARDED_SLOTS];

  if (length > GUARDED_MAX) {
    fprintf(stderr, "check: %zu bytes do not fit a guarded slot\n", length);
    exit(2);
  }
  if (!*slot) *slot = map_slot();
  uint8_t *copy = *slot + GUARDED_MAX - length;
  if (length > 0) memcpy(copy, bytes, length);
  return copy;
}

static void feed_range(const struct chop_user *user, const uint8_t *vector,
                       size_t from, size_t to) {
  user->feed(user->context, guarded(vector + from, to - from), to - from);
}

void chop(const void *vector, size_t length, const struct chop_user *user) {
  for (size_t cut = 0; cut < length; cut++) { /* 0 is whole */
    user->start(user->context);
    if (cut > 0) feed_range(user, vector, 0, cut);
    feed_range(user, vector, cut, length);
    user->finish(user->context);
  }
  user->start(user->context);
  for (size_t i = 0; i < length; i++) feed_range(user, vector, i, i + 1);
  user->finish(user->context);
}

/* Where bytes_of writes to. */
struct output {
  uint8_t *bytes;
  size_t length;
};

static void put(struct output *output, uint8_t byte, size_t times) {
  if (times == 0) return;
  uint8_t *grown = realloc(output->bytes, output->length + times);
  if (!grown) exit(2);
  memset(grown + output->length, byte, times);
  output->bytes = grown;
  output->length += times;
}

static const char *put_item(struct output *output, const char *at) {
  char *after = NULL;

  if (*at == '\'') {
    for (at++; *at && *at != '\''; at++) put(output, (uint8_t)*at, 1);
    return *at ? at + 1 : at;
  }
  if (*at == 'x' && output->length > 0) {
    size_t times = strtoul(at + 1, &after, 10);
    put(output, output->bytes[output->length - 1], times - 1);
    return after;
  }
  if (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
    char digits[3] = {at[0], at[1], '\0'};
    put(output, (uint8_t)strtoul(digits, NULL, 16), 1);
    return at + 2;
  }
  fprintf(stderr, "check: cannot read the bytes at \"%s\"\n", at);
  exit(2);
}

uint8_t *bytes_of(const char *notation, size_t *length) {
  struct output output = {NULL, 0};

  while (*notation) {
    if (*notation == ' ') {
      notation++;
    } else {
      notation = put_item(&output, notation);
    }
  }
  *length = output.length;
  return output.bytes;
}

static bool is_wanted(const struct test *test, int count, char **filters) {
  for (int i = 1; i < count; i++) {
    if (strstr(test->name, filters[i])) return true;
  }
  return count < 2;
}

static bool passes(struct test *test) {
  running = test;
  failures = 0;
  check_no_context();
  mem_fail_at(0, false);
  test->run();
  if (failures == 0) return true;
  if (failures > SHOWN_FAILURES) printf("... %d in all\n", failures);
  printf("FAILED %s\n", test->name);
  return false;
}

int main(int count, char **arguments) {
  int passed = 0, failed = 0;

  mem_fail_at(0, false); /* switches the counting on */
  for (struct test *test = first; test; test = test->next) {
    if (!is_wanted(test, count, arguments)) continue;
    if (passes(test)) {
      passed++;
    } else {
      failed++;
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}

/* What the resolver has on a thread of libuv's pool is that thread's; in a
 * child of this process there is no such thread. */
const char *__lsan_default_suppressions(void); /* NOLINT: it is LSan's name */
const char *__lsan_default_suppressions(void) {
  return "leak:__res_context_send\n";
}
