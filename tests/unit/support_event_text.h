/*
 * support_event_text - what a reader finds, as a text that tests compare:
 * "text Hello; ping; binary <FF>; close 1000 bye; violation 1002". A run of one
 * byte is "a x100".
 */
#ifndef RATCHET_TESTS_SUPPORT_EVENT_TEXT_H
#define RATCHET_TESTS_SUPPORT_EVENT_TEXT_H

#include "proto/reader.h"

/* All append to `text`, which has room for `size` bytes; what does not fit is
 * left out. An item begins behind "; ", a payload behind a space. */
void event_text_add(char *text, size_t size, const char *more);
void event_text_add_item(char *text, size_t size, const char *name);
void event_text_add_payload(char *text, size_t size, const void *bytes,
                            size_t length);
void event_text_add_event(char *text, size_t size, enum reader_result result,
                          const struct reader_event *event);

#endif
