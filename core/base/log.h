/*
 * log - one line an event on stderr, as text or as JSON. What peers sent is
 * escaped, so a line is always one line.
 */
#ifndef RATCHET_BASE_LOG_H
#define RATCHET_BASE_LOG_H

#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);

/* "debug", "info", "warn", "error", "off"; false for anything else. */
bool log_level_named(const char *name, enum log_level *level);
/* "text", "json". */
bool log_format_named(const char *name, enum log_format *format);

bool log_is_on(enum log_level level);

/* Lines carry the version of the code that is running, until the next call; 0
 * is none. Returns what it was. */
uint32_t log_set_version(uint32_t next);

/* Writes the line in one piece. Several lines of text (a traceback) stay one
 * event: in text format further lines are indented, in JSON escaped. */
void log_line(enum log_level level, struct slice message);

__attribute__((format(printf, 2, 3))) void log_printf(enum log_level level,
                                                      const char *format, ...);

#endif
