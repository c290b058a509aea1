#include "support_event_text.h"

#include <stdio.h>
#include <string.h>

enum { RUN = 16 }; /* from here on, one byte that repeats is not written out */

void event_text_add(char *text, size_t size, const char *more) {
  size_t length = strlen(text);

  snprintf(text + length, size - length, "%s", more);
}

void event_text_add_item(char *text, size_t size, const char *name) {
  if (text[0]) event_text_add(text, size, "; ");
  event_text_add(text, size, name);
}

static bool is_run(const uint8_t *bytes, size_t length) {
  for (size_t i = 1; i < length; i++) {
    if (bytes[i] != bytes[0]) return false;
  }
  return length > RUN;
}

void event_text_add_payload(char *text, size_t size, const void *bytes,
                            size_t length) {
  const uint8_t *at = bytes;
  char part[32];
  size_t shown = is_run(at, length) ? 1 : length;

  if (length > 0) event_text_add(text, size, " ");
  for (size_t i = 0; i < shown; i++) {
    bool is_plain = at[i] >= ' ' && at[i] < 0x7F;
    snprintf(part, sizeof part, is_plain ? "%c" : "<%02X>", at[i]);
    event_text_add(text, size, part);
  }
  if (shown == length) return;
  snprintf(part, sizeof part, " x%zu", length);
  event_text_add(text, size, part);
}

void event_text_add_event(char *text, size_t size, enum reader_result result,
                          const struct reader_event *event) {
  static const char *const names[] = {
      "?", "text", "binary", "ping", "pong", "close", "violation", "no memory"};
  char code[16] = "";

  event_text_add_item(text, size, names[result]);
  if (event->code) snprintf(code, sizeof code, " %d", event->code);
  event_text_add(text, size, code);
  event_text_add_payload(text, size, event->data, event->length);
}
