/* test_buffer - bytes that grow, and stay as they were when they cannot. */
#include "base/buffer.h"
#include "base/mem.h"
#include "check.h"

#include <string.h>

TEST(buffer_that_is_empty_has_no_memory) {
  int64_t before = mem_in_use();
  struct buffer buffer = {0};

  CHECK(buffer_append(&buffer, NULL, 0));
  CHECK(buffer_append_text(&buffer, ""));
  CHECK(buffer.bytes == NULL);
  CHECK_EQ(mem_in_use(), before);
  buffer_free(&buffer);
}

TEST(buffer_grows_and_shrinks) {
  int64_t before = mem_in_use();
  struct buffer buffer = {0};

  CHECK(buffer_append(&buffer, "Hel", 3));
  CHECK(buffer_append_text(&buffer, "lo, you"));
  CHECK_BYTES(buffer.bytes, buffer.length, "Hello, you", 10);
  buffer_consume(&buffer, 0);
  buffer_consume(&buffer, 7);
  CHECK_BYTES(buffer.bytes, buffer.length, "you", 3);
  buffer_consume(&buffer, 3);
  CHECK(buffer.bytes == NULL && buffer.length == 0 && buffer.capacity == 0);
  CHECK_EQ(mem_in_use(), before);
}

TEST(buffer_consumes_nothing_of_nothing) {
  struct buffer buffer = {0};

  buffer_consume(&buffer, 0);
  CHECK(buffer.bytes == NULL);
}

TEST(buffer_reserves_without_a_length) {
  struct buffer buffer = {0};

  CHECK(buffer_reserve(&buffer, 1000));
  CHECK_EQ(buffer.length, 0);
  uint8_t *place = buffer.bytes;
  for (int i = 0; i < 1000; i++) CHECK(buffer_append(&buffer, "x", 1));
  CHECK(buffer.bytes == place);
  buffer_free(&buffer);
  buffer_free(&buffer);
}

TEST(buffer_grows_seldom) {
  struct buffer buffer = {0};

  mem_fail_at(0, false);
  for (int i = 0; i < 100000; i++) buffer_append(&buffer, "x", 1);
  CHECK(mem_requests() < 20);
  CHECK(buffer.capacity <= 200000);
  buffer_free(&buffer);
}

TEST(buffer_stays_as_it_was_without_memory) {
  struct buffer buffer = {0};
  char large[1000] = "";

  mem_fail_at(1, true);
  CHECK(!buffer_append(&buffer, "Hello", 5));
  CHECK(buffer.bytes == NULL && buffer.length == 0);
  mem_fail_at(2, true);
  CHECK(buffer_append(&buffer, "Hello", 5));
  CHECK(!buffer_append(&buffer, large, sizeof large));
  CHECK(!buffer_reserve(&buffer, sizeof large));
  CHECK_BYTES(buffer.bytes, buffer.length, "Hello", 5);
  mem_fail_at(0, false);
  buffer_free(&buffer);
}
