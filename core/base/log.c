#include "log.h"

#include "buffer.h"
#include "utf8.h"
#include "write_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error",
                                          "off"};

/* Of the process, like the stderr that it writes to. */
static enum log_level threshold = LOG_INFO;
static enum log_format line_format = LOG_TEXT;
static uint32_t version;

void log_set_level(enum log_level level) {
  threshold = level;
}

void log_set_format(enum log_format format) {
  line_format = format;
}

bool log_level_named(const char *name, enum log_level *level) {
  for (int i = LOG_DEBUG; i <= LOG_OFF; i++) {
    if (strcmp(name, level_names[i]) != 0) continue;
    *level = (enum log_level)i;
    return true;
  }
  return false;
}

bool log_format_named(const char *name, enum log_format *format) {
  bool text = strcmp(name, "text") == 0;
  *format = text ? LOG_TEXT : LOG_JSON;
  return text || strcmp(name, "json") == 0;
}

uint32_t log_set_version(uint32_t next) {
  uint32_t before = version;
  version = next;
  return before;
}

bool log_is_on(enum log_level level) {
  return level >= threshold;
}

static void append_time(struct buffer *line) {
  struct timespec now;
  struct tm utc;
  char text[40];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(text + n, sizeof text - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
  buffer_append_text(line, text);
}

static void append_escaped(struct buffer *line, unsigned char byte) {
  char text[8];
  snprintf(text, sizeof text, line_format == LOG_JSON ? "\\u%04x" : "\\x%02x",
           byte);
  buffer_append_text(line, text);
}

/* Control bytes never reach a terminal or a log file as they came, nor do bytes
 * that are no text. */
static void append_message(struct buffer *line, struct slice message) {
  bool json = line_format == LOG_JSON;
  bool is_text = utf8_valid((const uint8_t *)message.at, message.length);
  for (size_t i = 0; i < message.length; i++) {
    signed char byte = message.at[i];
    if (byte == '\n') {
      buffer_append_text(line, json ? "\\n" : "\n    ");
    } else if (json && (byte == '"' || byte == '\\')) {
      buffer_append(line, (signed char[]){'\\', byte}, 2);
    } else if (byte == '\t' && !json) {
      buffer_append_text(line, "  ");
    } else if ((unsigned char)byte < 0x20 || byte == 0x7f ||
               (!is_text && byte < 0)) {
      append_escaped(line, (unsigned char)byte);
    } else {
      buffer_append(line, &byte, 1);
    }
  }
}

/* In text, at the end of the first line. */
static void append_version(struct buffer *line) {
  bool json = line_format == LOG_JSON;
  char text[32];
  if (version == 0) return;
  snprintf(text, sizeof text, json ? "\",\"version\":\"%08x" : " [%08x]",
           version);
  buffer_append_text(line, text);
}

static void append_lines(struct buffer *line, struct slice message) {
  const char *end = memchr(message.at, '\n', message.length);
  size_t first = end ? (size_t)(end - message.at) : message.length;
  append_message(line, (struct slice){message.at, first});
  append_version(line);
  append_message(line,
                 (struct slice){message.at + first, message.length - first});
}

void log_line(enum log_level level, struct slice message) {
  if (!log_is_on(level)) return;
  bool json = line_format == LOG_JSON;
  struct buffer line = {0};
  buffer_append_text(&line, json ? "{\"time\":\"" : "");
  append_time(&line);
  buffer_append_text(&line, json ? "\",\"level\":\"" : " ");
  buffer_append_text(&line, level_names[level]);
  if (json) append_version(&line);
  buffer_append_text(&line, json ? "\",\"message\":\"" : " ");
  if (json)
    append_message(&line, message);
  else
    append_lines(&line, message);
  buffer_append_text(&line, json ? "\"}\n" : "\n");
  /* A full disk must not stop the server. */
  write_all(STDERR_FILENO, line.bytes, line.length);
  buffer_free(&line);
}

void log_printf(enum log_level level, const char *format, ...) {
  if (!log_is_on(level)) return;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  size_t shown =
      (size_t)length < sizeof message ? (size_t)length : sizeof message - 1;
  log_line(level, (struct slice){message, shown});
}
