/* test_log - one event is one line, whatever the peer has put into it. */
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "check.h"
#include "support_capture.h"

#include <ctype.h>
#include <string.h>

/* Logs, and yields what was written behind the time; the time is checked. */
static const char *logged(enum log_format format, const char *before,
                          struct slice message) {
  static const char time[] = "0000-00-00T00:00:00.000Z";

  log_set_format(format);
  capture_start();
  log_line(LOG_WARN, message);
  const char *line = capture_end();
  log_set_format(LOG_TEXT);
  if (!CHECK(strncmp(line, before, strlen(before)) == 0)) return line;
  line += strlen(before);
  for (const char *at = time; *at; at++, line++) {
    CHECK(*at == '0' ? isdigit((unsigned char)*line) : *line == *at);
  }
  return line;
}

static const char *as_text(struct slice message) {
  return logged(LOG_TEXT, "", message);
}

static const char *as_json(struct slice message) {
  return logged(LOG_JSON, "{\"time\":\"", message);
}

TEST(log_writes_text) {
  CHECK_TEXT(as_text(SLICE("")), " warn \n");
  CHECK_TEXT(as_text(SLICE("all \"is\" \\well")), " warn all \"is\" \\well\n");
  CHECK_TEXT(as_text(SLICE("error\n\tat a\n\tat b")),
             " warn error\n      at a\n      at b\n");
  CHECK_TEXT(as_text(SLICE("\x1b[31m\r\0\x7f")),
             " warn \\x1b[31m\\x0d\\x00\\x7f\n");
  CHECK_TEXT(as_text(SLICE("gr\xC3\xBC\xC3\x9F")),
             " warn gr\xC3\xBC\xC3\x9F\n");
}

#define JSON(message) "\",\"level\":\"warn\",\"message\":\"" message "\"}\n"

TEST(log_writes_json) {
  CHECK_TEXT(as_json(SLICE("")), JSON(""));
  CHECK_TEXT(as_json(SLICE("\"a\" \\ b")), JSON("\\\"a\\\" \\\\ b"));
  CHECK_TEXT(as_json(SLICE("error\n\tat a\r")),
             JSON("error\\n\\u0009at a\\u000d"));
  CHECK_TEXT(as_json(SLICE("\x1b\0\x7f")), JSON("\\u001b\\u0000\\u007f"));
  CHECK_TEXT(as_json(SLICE("gr\xC3\xBC\xC3\x9F")), JSON("gr\xC3\xBC\xC3\x9F"));
}

/* RFC 8259 8.1: JSON is UTF-8, also when what the peer sent is not. */
TEST(log_json_is_utf8) {
  static const char *const bad[] = {"\xFF", "a\xC3", "\xE2\x82", "\xED\xA0\x80",
                                    "\x80z"};

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *line = as_json(slice_of(bad[i]));
    check_context("message %zu", i);
    CHECK(utf8_valid((const uint8_t *)line, strlen(line)));
  }
}

TEST(log_escapes_each_control_byte) {
  for (int byte = 0; byte < 256; byte++) {
    char message[1] = {(char)byte};
    check_context("byte %d", byte);
    const char *line = as_json((struct slice){message, 1});
    for (; line[0] && line[1]; line++) {
      CHECK((unsigned char)*line >= ' ' && *line != 0x7F);
    }
    CHECK_TEXT(line, "\n");
    line = as_text((struct slice){message, 1});
    for (; line[0] && line[1]; line++) {
      CHECK(byte == '\n' || ((unsigned char)*line >= ' ' && *line != 0x7F));
    }
    CHECK_TEXT(line, "\n");
  }
}

TEST(log_leaves_out_what_is_below_its_level) {
  capture_start();
  log_set_level(LOG_WARN);
  log_line(LOG_DEBUG, SLICE("one"));
  log_printf(LOG_INFO, "two");
  log_printf(LOG_WARN, "thr%s", "ee");
  log_printf(LOG_ERROR, "four");
  log_set_level(LOG_OFF);
  log_line(LOG_ERROR, SLICE("five"));
  log_set_level(LOG_INFO);
  const char *lines = capture_end();

  CHECK(!strstr(lines, "one") && !strstr(lines, "two"));
  CHECK(strstr(lines, " warn three\n") != NULL);
  CHECK(strstr(lines, " error four\n") != NULL);
  CHECK(!strstr(lines, "five"));
}

TEST(log_cuts_what_is_too_long_for_printf) {
  static char text[5000];
  memset(text, 'x', sizeof text - 1);

  capture_start();
  log_printf(LOG_INFO, "%s", text);
  const char *line = capture_end();
  CHECK(strlen(line) > 1000 && strlen(line) < 1100);
  CHECK(line[strlen(line) - 1] == '\n');
}

TEST(log_knows_its_names) {
  enum log_level level;
  enum log_format format;

  CHECK(log_level_named("debug", &level) && level == LOG_DEBUG);
  CHECK(log_level_named("off", &level) && level == LOG_OFF);
  CHECK(!log_level_named("Info", &level));
  CHECK(!log_level_named("", &level));
  CHECK(log_format_named("text", &format) && format == LOG_TEXT);
  CHECK(log_format_named("json", &format) && format == LOG_JSON);
  CHECK(!log_format_named("xml", &format));
}

TEST(log_survives_having_no_memory) {
  int64_t before = mem_in_use();

  capture_start();
  for (uint64_t n = 1; n < 5; n++) {
    mem_fail_at(n, true);
    log_printf(LOG_INFO, "%0500d", 1);
  }
  mem_fail_at(0, false);
  capture_end();
  CHECK_EQ(mem_in_use(), before);
}
