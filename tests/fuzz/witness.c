#include "witness.h"

#include "proto/deflate_terms.h"
#include "proto/handshake.h"
#include "proto/http_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEAD = 64 * 1024, MAX_BODY = 64 * 1024 * 1024 };

_Noreturn void witness_fail(const char *what, const char *file, int line) {
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  abort();
}

void witness_init(struct witness *witness, bool is_server) {
  memset(witness, 0, sizeof *witness);
  witness->state = is_server ? HEARS_REQUEST : HEARS_ANSWER;
}

void witness_free(struct witness *witness) {
  buffer_free(&witness->bytes);
  if (witness->body) http_body_free(witness->body);
  if (witness->state == HEARS_FRAMES) reader_free(&witness->reader);
  inflater_free(witness->inflater);
}

void witness_expect(struct witness *witness, enum expectation expectation) {
  expect(witness->count < WITNESS_EXPECTED);
  size_t place = (witness->first + witness->count++) % WITNESS_EXPECTED;
  witness->expected[place] = (uint8_t)expectation;
}

static enum expectation next_expected(struct witness *witness) {
  expect(witness->count > 0);
  enum expectation expectation = witness->expected[witness->first];
  witness->first = (witness->first + 1) % WITNESS_EXPECTED;
  witness->count--;
  return expectation;
}

static void begin_frames(struct witness *witness, enum reader_role role) {
  witness->state = HEARS_FRAMES;
  reader_init(&witness->reader, role, UINT64_MAX);
}

/* What the server compresses with, by its own words. */
static void begin_inflating(struct witness *witness,
                            const struct http_head *head) {
  static const struct deflate_terms anything = {
      .server = {.window_bits = 15},
      .client = {.window_bits = 15, .is_named = true},
  };
  struct deflate_terms terms;
  const char *reason;
  int result = deflate_read_answer(head, &anything, &terms, &reason);
  expect(result >= 0);
  if (result == 0) return;
  witness->inflater =
      inflater_new(terms.server.window_bits, !terms.server.is_fresh);
  expect(witness->inflater != NULL);
  reader_inflate_with(&witness->reader, witness->inflater);
}

static void hear_switch(struct witness *witness,
                        const struct http_answer *answer) {
  const struct http_head *head = &answer->head;
  expect(http_head_lists(head, "upgrade", "websocket"));
  expect(http_head_lists(head, "connection", "upgrade"));
  expect(http_head_get(head, "sec-websocket-accept", 0).length == 28);
  begin_frames(witness, READER_CLIENT);
  begin_inflating(witness, head);
}

static void hear_answer(struct witness *witness,
                        const struct http_answer *answer) {
  if (answer->status == 100) return; /* interim */
  bool is_head = next_expected(witness) == EXPECT_HEAD_ONLY;
  if (answer->status == 101) {
    hear_switch(witness, answer);
    return;
  }
  switch (http_answer_body(answer, is_head)) {
  case HTTP_ANSWER_NO_BODY: break;
  case HTTP_ANSWER_UNTIL_END: witness->state = HEARS_ALL; break;
  case HTTP_ANSWER_FRAMED:
    witness->body = http_body_new(&answer->head, MAX_BODY);
    expect(witness->body != NULL);
    witness->state = HEARS_BODY;
  }
}

/* Each of these takes what it can off the front: 0 when it needs more. */

static size_t take_answer(struct witness *witness, const char *bytes,
                          size_t length) {
  struct http_scan scan = {0};
  struct http_answer answer;
  struct refusal refusal = {0};
  if (witness->count > 0 && witness->expected[witness->first] == EXPECT_RAW) {
    witness->state = HEARS_ALL;
    return length;
  }
  size_t size = http_answer_scan(&scan, bytes, length, MAX_HEAD, &refusal);
  expect(refusal.status == 0);
  if (size == 0) return 0;
  expect(http_answer_parse(&answer, bytes, size, &refusal));
  hear_answer(witness, &answer);
  return size;
}

static size_t take_request(struct witness *witness, const char *bytes,
                           size_t length) {
  struct http_scan scan = {0};
  struct http_head head;
  struct refusal refusal = {0};
  size_t size = http_scan(&scan, bytes, length, MAX_HEAD, &refusal);
  expect(refusal.status == 0);
  if (size == 0) return 0;
  expect(http_head_parse(&head, bytes, size, &refusal));
  expect(handshake_check(&head, &refusal));
  struct slice key = http_head_get(&head, "sec-websocket-key", 0);
  memcpy(witness->key, key.at, sizeof witness->key);
  begin_frames(witness, READER_SERVER);
  return size;
}

static size_t take_body(struct witness *witness, const char *bytes,
                        size_t length) {
  size_t used;
  enum http_body_state state =
      http_body_feed(witness->body, bytes, length, &used);
  if (state == HTTP_BODY_UNFINISHED) return length;
  expect(state == HTTP_BODY_WHOLE);
  http_body_free(witness->body);
  witness->body = NULL;
  witness->state = HEARS_ANSWER;
  return used;
}

static size_t take_frames(struct witness *witness, const char *bytes,
                          size_t length) {
  struct reader_event event;
  enum reader_result result;
  expect(!witness->has_closed);
  reader_feed(&witness->reader, (uint8_t *)bytes, length);
  while ((result = reader_next(&witness->reader, &event)) != READER_NEED_MORE) {
    expect(!witness->has_closed);
    expect(result != READER_VIOLATION && result != READER_NO_MEMORY);
    witness->has_closed = result == READER_CLOSE;
    const uint8_t *unused;
    if (witness->has_closed) {
      expect(reader_unused(&witness->reader, &unused) == 0);
    }
  }
  return length;
}

static size_t take(struct witness *witness, const char *bytes, size_t length) {
  switch (witness->state) {
  case HEARS_ANSWER: return take_answer(witness, bytes, length);
  case HEARS_REQUEST: return take_request(witness, bytes, length);
  case HEARS_BODY: return take_body(witness, bytes, length);
  case HEARS_FRAMES: return take_frames(witness, bytes, length);
  case HEARS_ALL: break;
  }
  return length;
}

void witness_hear(struct witness *witness, const uint8_t *bytes,
                  size_t length) {
  size_t used = 1;
  expect(buffer_append(&witness->bytes, bytes, length));
  struct buffer gathered = witness->bytes;
  witness->bytes = (struct buffer){0};
  while (gathered.length > 0 && used > 0) {
    used = take(witness, (const char *)gathered.bytes, gathered.length);
    buffer_consume(&gathered, used);
  }
  witness->bytes = gathered;
}

void witness_end(const struct witness *witness) {
  expect(witness->bytes.length == 0);
  expect(witness->state != HEARS_BODY);
  if (witness->state == HEARS_FRAMES) {
    expect(!reader_is_mid_message(&witness->reader));
  }
}
