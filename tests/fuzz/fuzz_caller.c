/*
 * fuzz_caller - any bytes as the answer of a server, whole, byte by byte and in
 * pieces, then the end of the connection: the same must come of them each time,
 * and nothing be left. The first byte says whether HEAD was asked, and how long
 * the pieces are.
 */
#include "net/memory.h"
#include "server/caller.h"
#include "server/server.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HEAD = 1024, MAX_BODY = 4096 };

/* What came first: an answer, or a failure. */
struct outcome {
  int status; /* 0: a failure, and: */
  struct caller_failure failure;
  char body[MAX_BODY];
  size_t length;
  int events;
  bool is_gone;
};

static void on_answered(void *owner, const struct http_answer *answer,
                        struct slice body, bool is_kept) {
  struct outcome *outcome = owner;
  if (outcome->is_gone || body.length > MAX_BODY) abort();
  if (answer->status < 200 || answer->status > 999) abort();
  outcome->events++;
  outcome->is_gone = !is_kept;
  outcome->status = answer->status;
  outcome->length = body.length;
  if (body.length > 0) memcpy(outcome->body, body.at, body.length);
}

static void on_failed(void *owner, const struct caller_failure *failure) {
  struct outcome *outcome = owner;
  if (outcome->is_gone || !failure->reason) abort();
  outcome->events++;
  outcome->is_gone = true;
  outcome->failure = *failure;
}

static void on_ended(void *owner) {
  struct outcome *outcome = owner;
  if (outcome->is_gone || outcome->status == 0) abort();
  outcome->is_gone = true;
}

static const struct caller_events events = {on_answered, on_failed, on_ended};

static void play(const uint8_t *bytes, size_t size, size_t step, bool is_head,
                 struct outcome *outcome) {
  static const struct caller_limits limits = {MAX_HEAD, MAX_BODY, 1000};
  struct manual_clock clock;
  struct server server;
  manual_clock_init(&clock);
  if (server_init(&server, &clock.face)) abort();
  struct memory_transport *memory = memory_transport_new();
  memset(outcome, 0, sizeof *outcome);
  struct caller *caller =
      caller_new(&server, memory_transport_face(memory), &events, outcome);
  if (!caller || caller_ask(caller, SLICE("x"), is_head, &limits)) abort();
  bool is_open = true;
  for (size_t at = 0; at < size && is_open; at += step) {
    memory_send(memory, bytes + at, size - at < step ? size - at : step);
    is_open = memory_run(memory);
  }
  if (is_open) {
    memory_send_fin(memory);
    is_open = memory_run(memory);
  }
  if (is_open || !outcome->is_gone || outcome->events != 1) abort();
  if (server.wheel.count != 0) abort();
  server_free(&server);
}

static void compare(const struct outcome *a, const struct outcome *b) {
  if (a->status != b->status || a->length != b->length) abort();
  if (memcmp(a->body, b->body, a->length) != 0) abort();
  if (a->failure.error != b->failure.error) abort();
  if (a->failure.reason != b->failure.reason) abort();
  if (a->failure.is_untouched != b->failure.is_untouched) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct outcome whole, bytewise, pieces;
  if (size == 0) return 0;
  bool is_head = data[0] & 1;
  size_t step = 2 + (data[0] >> 1) % 64;
  play(data + 1, size - 1, size, is_head, &whole);
  play(data + 1, size - 1, 1, is_head, &bytewise);
  play(data + 1, size - 1, step, is_head, &pieces);
  compare(&whole, &bytewise);
  compare(&whole, &pieces);
  return 0;
}
