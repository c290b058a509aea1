/* test_http_response - heads that a client can trust, and headers that cannot
 * write the rest of one. */
#include "base/mem.h"
#include "check.h"
#include "proto/http_response.h"

#include <string.h>

/* The buffer as text; freed with the next call. */
static const char *text_of(struct buffer *buffer) {
  static struct buffer last;

  buffer_free(&last);
  last = *buffer;
  *buffer = (struct buffer){0};
  buffer_append(&last, "", 1);
  return (const char *)last.bytes;
}

static void forget_text(void) {
  struct buffer none = {0};

  text_of(&none);
  text_of(&none); /* one byte is left of it */
}

TEST(http_response_has_a_status_line_and_a_date) {
  struct buffer buffer = {0};

  CHECK(http_response_start(&buffer, 404));
  const char *text = text_of(&buffer);
  CHECK(strncmp(text, "HTTP/1.1 404 Not Found\r\nDate: ", 30) == 0);
  /* "Sun, 06 Nov 1994 08:49:37 GMT" is 29 bytes, always. */
  CHECK_EQ(strlen(text), 30 + 29 + 2);
  CHECK_TEXT(text + 30 + 25, " GMT\r\n");
}

TEST(http_response_switches_without_a_date) {
  struct buffer buffer = {0};

  CHECK(http_response_start(&buffer, 101));
  CHECK_TEXT(text_of(&buffer), "HTTP/1.1 101 Switching Protocols\r\n");
}

TEST(http_response_adds_headers_and_an_end) {
  struct buffer buffer = {0};

  CHECK(http_response_header(&buffer, SLICE("Allow"), SLICE("GET, HEAD")));
  CHECK(http_response_header(&buffer, SLICE("X-Empty"), SLICE("")));
  CHECK(http_response_end(&buffer, 1234567890123, SLICE("close")));
  CHECK_TEXT(text_of(&buffer), "Allow: GET, HEAD\r\nX-Empty: \r\n"
                               "Content-Length: 1234567890123\r\n"
                               "Connection: close\r\n\r\n");
  forget_text();
}

TEST(http_response_may_leave_connection_and_length_out) {
  struct buffer buffer = {0};

  CHECK(http_response_end(&buffer, 5, SLICE("")));
  CHECK(http_response_end_empty(&buffer, SLICE("keep-alive")));
  CHECK(http_response_end_empty(&buffer, SLICE("")));
  CHECK_TEXT(text_of(&buffer), "Content-Length: 5\r\n\r\n"
                               "Connection: keep-alive\r\n\r\n\r\n");
  forget_text();
}

TEST(http_response_names_each_status) {
  CHECK_TEXT(http_status_text(200), "OK");
  CHECK_TEXT(http_status_text(426), "Upgrade Required");
  CHECK_TEXT(http_status_text(503), "Service Unavailable");
  CHECK_TEXT(http_status_text(299), "Unknown");
  CHECK_TEXT(http_status_text(-1), "Unknown");
  struct buffer buffer = {0};
  CHECK(http_response_start(&buffer, -2147483647 - 1));
  buffer_free(&buffer);
}

TEST(http_header_values_cannot_end_their_line) {
  for (int byte = 0; byte < 256; byte++) {
    char text[3] = {'a', (char)byte, 'b'};
    bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7F;
    check_context("byte %d", byte);
    CHECK_EQ(http_header_is_safe(SLICE("X-A"), (struct slice){text, 3}),
             !is_control);
  }
  CHECK(http_header_is_safe(SLICE("X-A"), SLICE("")));
  CHECK(!http_header_is_safe(SLICE("X-A"), SLICE("a\r\nSet-Cookie: b")));
  CHECK(!http_header_is_safe(SLICE("X-A"), SLICE("\n")));
}

TEST(http_header_names_are_tokens) {
  static const char marks[] = "!#$%&'*+-.^_`|~";

  for (int byte = 0; byte < 256; byte++) {
    char text[3] = {'X', (char)byte, 'Y'};
    bool is_token = (byte >= '0' && byte <= '9') ||
                    (byte >= 'A' && byte <= 'Z') ||
                    (byte >= 'a' && byte <= 'z') ||
                    (byte > 0 && byte < 128 && strchr(marks, byte));
    check_context("byte %d", byte);
    CHECK_EQ(http_header_is_safe((struct slice){text, 3}, SLICE("")), is_token);
  }
  CHECK(!http_header_is_safe(SLICE(""), SLICE("a")));
}

static bool write_all(struct buffer *buffer) {
  return http_response_start(buffer, 500) &&
         http_response_header(buffer, SLICE("Allow"), SLICE("GET")) &&
         http_response_end(buffer, 0, SLICE("close"));
}

TEST(http_response_says_when_there_is_no_memory) {
  int64_t before = mem_in_use();
  bool is_whole = false;

  for (uint64_t n = 1; !is_whole && n < 100; n++) {
    struct buffer buffer = {0};
    mem_fail_at(n, true);
    is_whole = write_all(&buffer);
    CHECK_EQ(is_whole, mem_requests() < n);
    mem_fail_at(0, false);
    buffer_free(&buffer);
  }
  CHECK(is_whole);
  CHECK_EQ(mem_in_use(), before);
}
