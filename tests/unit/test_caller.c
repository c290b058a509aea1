/* One connection to an HTTP server: answers cut anywhere, hostile ones, the
 * next request, time, and memory that is not there. */
#include "check.h"

#include "base/mem.h"
#include "net/memory.h"
#include "server/caller.h"
#include "server/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_HEAD = 200, MAX_BODY = 20, TIMEOUT = 1000 };

static const struct caller_limits limits = {MAX_HEAD, MAX_BODY, TIMEOUT};

/* Owned by the test, by value: a caller, its server's side, and what was heard.
 */
struct scene {
  struct manual_clock clock;
  struct server server;
  struct memory_transport *memory; /* NULL: closed */
  struct caller *caller;           /* NULL: gone */
  void (*act)(struct scene *scene);
  char heard[512];
};

static void note(struct scene *scene, const char *text) {
  size_t length = strlen(scene->heard);
  snprintf(scene->heard + length, sizeof scene->heard - length, "%s%s",
           length > 0 ? "; " : "", text);
}

static void on_answered(void *owner, const struct http_answer *answer,
                        struct slice body, bool is_kept) {
  struct scene *scene = owner;
  char text[256];
  snprintf(text, sizeof text, "%d <%.*s>%s", answer->status, (int)body.length,
           body.at ? body.at : "", is_kept ? " kept" : "");
  note(scene, text);
  if (!is_kept) scene->caller = NULL;
  if (scene->act) scene->act(scene);
}

static void on_failed(void *owner, const struct caller_failure *failure) {
  static const char *const names[] = {"lost", "late", "malformed", "too large",
                                      "no memory"};
  struct scene *scene = owner;
  note(scene, names[failure->error]);
  if (failure->is_untouched) note(scene, "untouched");
  CHECK(failure->reason && failure->reason[0]);
  scene->caller = NULL;
  if (scene->act) scene->act(scene);
}

static void on_ended(void *owner) {
  struct scene *scene = owner;
  note(scene, "ended");
  scene->caller = NULL;
}

static const struct caller_events events = {on_answered, on_failed, on_ended};

static void open_scene(struct scene *scene) {
  *scene = (struct scene){0};
  manual_clock_init(&scene->clock);
  CHECK_EQ(server_init(&scene->server, &scene->clock.face), 0);
  scene->memory = memory_transport_new();
  scene->caller = caller_new(
      &scene->server, memory_transport_face(scene->memory), &events, scene);
  CHECK(scene->caller != NULL);
}

static void run(struct scene *scene) {
  if (scene->memory && !memory_run(scene->memory)) scene->memory = NULL;
}

static void close_scene(struct scene *scene) {
  if (scene->caller) caller_close(scene->caller);
  run(scene);
  CHECK(scene->memory == NULL);
  CHECK_EQ(scene->server.wheel.count, 0);
  server_free(&scene->server);
}

static int ask(struct scene *scene, bool is_head) {
  return caller_ask(scene->caller, SLICE("GET / HTTP/1.1\r\n\r\n"), is_head,
                    &limits);
}

static void say_bytes(struct scene *scene, const char *bytes, size_t length) {
  if (!scene->memory) return;
  memory_send(scene->memory, bytes, length);
  run(scene);
}

static void say(struct scene *scene, const char *text) {
  say_bytes(scene, text, strlen(text));
}

static void say_fin(struct scene *scene) {
  if (!scene->memory) return;
  memory_send_fin(scene->memory);
  run(scene);
}

/* ---- answers */

#define OK        "HTTP/1.1 200 OK\r\n"
#define CHUNKED   OK "Transfer-Encoding: chunked\r\n\r\n"
#define LENGTH(n) OK "Content-Length: " n "\r\n\r\n"

static const struct {
  const char *name, *bytes;
  const char *heard; /* then FIN comes: */
  const char *after_fin;
  bool is_head;
} cases[] = {
    {"by length", LENGTH("5") "Hello", "200 <Hello> kept", "; ended", 0},
    {"in chunks", CHUNKED "3\r\nHel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     "200 <Hello> kept", "; ended", 0},
    {"with a trailer", CHUNKED "1\r\na\r\n0\r\nX-A: b\r\n\r\n", "200 <a> kept",
     "; ended", 0},
    {"no body", LENGTH("0"), "200 <> kept", "; ended", 0},
    {"until the end", OK "\r\nHello", "", "200 <Hello>", 0},
    {"nothing until the end", OK "\r\n", "", "200 <>", 0},
    {"to HEAD", LENGTH("5"), "200 <> kept", "; ended", true},
    {"to HEAD, chunked", CHUNKED, "200 <> kept", "; ended", true},
    {"to HEAD, no length", OK "\r\n", "200 <>", "", true},
    {"a body to HEAD", LENGTH("5") "Hello", "200 <>", "", true},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", "204 <> kept", "; ended", 0},
    {"204 with a length", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
     "204 <> kept", "; ended", 0},
    {"204 with a body", "HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\na",
     "204 <>", "", 0},
    {"304 with a length", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
     "304 <> kept", "; ended", 0},
    {"behind 100", "HTTP/1.1 100 Continue\r\n\r\n" LENGTH("1") "a",
     "200 <a> kept", "; ended", 0},
    {"behind 103 with headers",
     "HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 102 x\r\n\r\n" LENGTH("1") "a",
     "200 <a> kept", "; ended", 0},
    {"100 with a length",
     "HTTP/1.1 100 x\r\nContent-Length: 5\r\n\r\n" LENGTH("1") "a",
     "200 <a> kept", "; ended", 0},
    {"Connection: close", OK "Connection: close\r\nContent-Length: 1\r\n\r\na",
     "200 <a>", "", 0},
    {"close among others",
     OK "Connection: x, Close\r\nContent-Length: 1\r\n\r\na", "200 <a>", "", 0},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "200 <a>", "",
     0},
    {"HTTP/1.0 that stays",
     "HTTP/1.0 200 x\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
     "200 <a> kept", "; ended", 0},
    {"no phrase", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", "200 <a> kept",
     "; ended", 0},
    {"exactly the most", LENGTH("20") "01234567890123456789",
     "200 <01234567890123456789> kept", "; ended", 0},
    /* cut off */
    {"nothing", "", "", "lost; untouched", 0},
    {"half a status line", "HTTP/1.", "", "lost", 0},
    {"half a head", OK "Conten", "", "lost", 0},
    {"half a body", LENGTH("5") "Hel", "", "lost", 0},
    {"half a chunk", CHUNKED "3\r\nHe", "", "lost", 0},
    {"no last chunk", CHUNKED "3\r\nHel\r\n", "", "lost", 0},
    {"only 100", "HTTP/1.1 100 x\r\n\r\n", "", "lost", 0},
    /* hostile */
    {"no HTTP", "SSH-2.0-x\r\n", "malformed", "", 0},
    {"HTTP/2", "HTTP/2 200\r\n", "malformed", "", 0},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n", "malformed", "", 0},
    {"an empty line first", "\r\n" LENGTH("0"), "malformed", "", 0},
    {"two digits", "HTTP/1.1 20 OK\r\n", "malformed", "", 0},
    {"four digits", "HTTP/1.1 2000 OK\r\n", "malformed", "", 0},
    {"status 000", "HTTP/1.1 000 x\r\n", "malformed", "", 0},
    {"a negative status", "HTTP/1.1 -20 x\r\n", "malformed", "", 0},
    {"two spaces", "HTTP/1.1  200 x\r\n", "malformed", "", 0},
    {"a bare LF behind the status", "HTTP/1.1 200 OK\nA: b\r\n\r\n",
     "malformed", "", 0},
    {"a bare LF behind a header", OK "A: b\nContent-Length: 0\r\n\r\n",
     "malformed", "", 0},
    {"a bare CR", OK "A: b\rc\r\n\r\n", "malformed", "", 0},
    {"a folded line", OK "A: b\r\n c\r\n\r\n", "malformed", "", 0},
    {"a space before the colon", OK "Content-Length : 5\r\n\r\n", "malformed",
     "", 0},
    {"no colon", OK "Content-Length\r\n\r\n", "malformed", "", 0},
    {"an empty name", OK ": 5\r\n\r\n", "malformed", "", 0},
    {"a control character", OK "A: \001\r\n\r\n", "malformed", "", 0},
    {"two lengths", OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     "malformed", "", 0},
    {"two lengths that agree",
     OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "malformed", "", 0},
    {"a list of lengths", OK "Content-Length: 1, 2\r\n\r\na", "malformed", "",
     0},
    {"a negative length", LENGTH("-1"), "malformed", "", 0},
    {"a length with a sign", LENGTH("+1"), "malformed", "", 0},
    {"a length in hex", LENGTH("0x1"), "malformed", "", 0},
    {"an empty length", LENGTH(""), "malformed", "", 0},
    {"a length that overflows", LENGTH("18446744073709551617"), "malformed", "",
     0},
    {"a length and chunks",
     OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "malformed", "", 0},
    {"chunks and a length",
     OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     "malformed", "", 0},
    {"another coding", OK "Transfer-Encoding: gzip\r\n\r\n", "malformed", "",
     0},
    {"a coding behind chunked", OK "Transfer-Encoding: chunked, gzip\r\n\r\n",
     "malformed", "", 0},
    {"chunked twice", OK "Transfer-Encoding: chunked, chunked\r\n\r\n",
     "malformed", "", 0},
    {"chunked in HTTP/1.0",
     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "malformed", "", 0},
    {"101", "HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
     "malformed", "", 0},
    {"no size", CHUNKED "x\r\n", "malformed", "", 0},
    {"a negative size", CHUNKED "-1\r\n", "malformed", "", 0},
    {"an overlong size", CHUNKED "00000000000000001\r\na", "malformed", "", 0},
    {"a size in 0x", CHUNKED "0x1\r\na", "malformed", "", 0},
    {"a bare LF behind a size", CHUNKED "1\na\r\n0\r\n\r\n", "malformed", "",
     0},
    {"no end of a chunk", CHUNKED "1\r\naa\r\n", "malformed", "", 0},
    {"a bare LF behind the chunks", CHUNKED "0\r\n\n", "malformed", "", 0},
    {"a length over the most", LENGTH("21"), "too large", "", 0},
    {"a chunk over the most", CHUNKED "15\r\n", "too large", "", 0},
    {"chunks over the most", CHUNKED "14\r\n01234567890123456789\r\n1\r\na",
     "too large", "", 0},
    {"more than the most until the end", OK "\r\n012345678901234567890",
     "too large", "", 0},
};

/* A byte behind the answer is there at once, or comes later: either way nothing
 * is asked after it. */
static const struct {
  const char *name, *bytes, *whole, *cut;
} extras[] = {
    {"a byte more", LENGTH("1") "ab", "200 <a>", "200 <a> kept; ended"},
    {"an answer more", LENGTH("0") LENGTH("0"), "200 <>", "200 <> kept; ended"},
    {"a byte behind chunks", CHUNKED "0\r\n\r\nx", "200 <>",
     "200 <> kept; ended"},
    {"an empty line more", LENGTH("0") "\r\n", "200 <>", "200 <> kept; ended"},
};

static void check_answer(size_t i, size_t first) {
  struct scene scene;
  char expected[128];
  check_context("%s, cut at %zu", cases[i].name, first);
  open_scene(&scene);
  CHECK_EQ(ask(&scene, cases[i].is_head), 0);
  say_bytes(&scene, cases[i].bytes, first);
  say(&scene, cases[i].bytes + first);
  /* What came behind an answer may have come a moment later. */
  bool is_extra = strstr(scene.heard, "kept; ended") != NULL;
  const char *more = is_extra ? " kept; ended" : "";
  snprintf(expected, sizeof expected, "%s%s", cases[i].heard, more);
  CHECK_TEXT(scene.heard, expected);
  say_fin(&scene);
  if (!is_extra) more = cases[i].after_fin;
  snprintf(expected, sizeof expected, "%s%s", cases[i].heard, more);
  CHECK_TEXT(scene.heard, expected);
  close_scene(&scene);
}

TEST(caller_reads_answers_however_they_are_cut) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t length = strlen(cases[i].bytes);
    for (size_t at = 0; at <= length; at++) check_answer(i, at);
  }
  check_no_context();
}

TEST(caller_reads_answers_byte_by_byte) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene scene;
    check_context("%s", cases[i].name);
    open_scene(&scene);
    ask(&scene, cases[i].is_head);
    size_t length = strlen(cases[i].bytes);
    for (size_t at = 0; at < length; at++) {
      say_bytes(&scene, cases[i].bytes + at, 1);
    }
    CHECK(strncmp(scene.heard, cases[i].heard, strlen(cases[i].heard)) == 0);
    close_scene(&scene);
  }
  check_no_context();
}

TEST(caller_is_not_kept_when_more_came_than_the_answer) {
  for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
    size_t length = strlen(extras[i].bytes);
    for (size_t at = 0; at <= length; at++) {
      struct scene scene;
      check_context("%s, cut at %zu", extras[i].name, at);
      open_scene(&scene);
      ask(&scene, false);
      say_bytes(&scene, extras[i].bytes, at);
      bool is_between = strstr(scene.heard, "kept") != NULL;
      say(&scene, extras[i].bytes + at);
      CHECK_TEXT(scene.heard, is_between ? extras[i].cut : extras[i].whole);
      CHECK(scene.caller == NULL);
      close_scene(&scene);
    }
  }
  check_no_context();
}

TEST(caller_refuses_a_nul) {
  static const char bytes[] = OK "A: \0\r\n\r\n";
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  say_bytes(&scene, bytes, sizeof bytes - 1);
  CHECK_TEXT(scene.heard, "malformed");
  close_scene(&scene);
}

TEST(caller_bounds_the_head) {
  struct scene scene;
  char head[MAX_HEAD + 100];
  for (int over = 0; over < 2; over++) {
    int size = MAX_HEAD - (int)strlen(OK "A: \r\n\r\n") + over;
    snprintf(head, sizeof head, OK "A: %0*d\r\n\r\n", size, 0);
    CHECK_EQ(strlen(head), MAX_HEAD + over);
    open_scene(&scene);
    ask(&scene, true);
    say(&scene, head);
    CHECK_TEXT(scene.heard, over ? "malformed" : "200 <>");
    close_scene(&scene);
  }
}

TEST(caller_bounds_the_answers_before_the_answer) {
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  for (int i = 0; i < 8; i++) say(&scene, "HTTP/1.1 100 x\r\n\r\n");
  CHECK_TEXT(scene.heard, "");
  say(&scene, "HTTP/1.1 100 x\r\n\r\n");
  CHECK_TEXT(scene.heard, "malformed");
  close_scene(&scene);
}

/* ---- one request after another */

TEST(caller_is_asked_again) {
  struct scene scene;
  open_scene(&scene);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(ask(&scene, false), 0);
    say(&scene, LENGTH("1") "a");
  }
  CHECK_TEXT(scene.heard, "200 <a> kept; 200 <a> kept; 200 <a> kept");
  CHECK_EQ(memory_received(scene.memory)->length,
           3 * strlen("GET / HTTP/1.1\r\n\r\n"));
  close_scene(&scene);
}

static void ask_again(struct scene *scene) {
  scene->act = NULL;
  CHECK_EQ(ask(scene, false), 0);
}

TEST(caller_may_be_asked_again_from_inside_the_answer) {
  struct scene scene;
  open_scene(&scene);
  scene.act = ask_again;
  ask(&scene, false);
  say(&scene, LENGTH("1") "a");
  say(&scene, LENGTH("1") "b");
  CHECK_TEXT(scene.heard, "200 <a> kept; 200 <b> kept");
  close_scene(&scene);
}

static void close_now(struct scene *scene) {
  if (scene->caller) caller_close(scene->caller);
  scene->caller = NULL;
}

TEST(caller_may_be_closed_from_inside_the_answer) {
  struct scene scene;
  open_scene(&scene);
  scene.act = close_now;
  ask(&scene, false);
  say(&scene, LENGTH("1") "a");
  CHECK_TEXT(scene.heard, "200 <a> kept");
  close_scene(&scene);
}

TEST(caller_says_nothing_once_it_was_closed) {
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  close_now(&scene);
  manual_clock_advance(&scene.clock, 2 * (uint64_t)TIMEOUT);
  CHECK_TEXT(scene.heard, "");
  close_scene(&scene);
}

TEST(an_idle_caller_ends_with_its_server) {
  struct scene scene;
  open_scene(&scene);
  memory_break(scene.memory, -ECONNRESET);
  run(&scene);
  CHECK_TEXT(scene.heard, "ended");
  close_scene(&scene);
}

TEST(a_broken_connection_is_no_end_of_a_body) {
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  say(&scene, OK "\r\nHello");
  memory_break(scene.memory, -ECONNRESET);
  run(&scene);
  CHECK_TEXT(scene.heard, "lost");
  close_scene(&scene);
}

TEST(caller_that_is_broken_already_takes_no_request) {
  struct scene scene;
  open_scene(&scene);
  memory_break(scene.memory, -EPIPE);
  CHECK_EQ(ask(&scene, false), -EPIPE);
  CHECK_TEXT(scene.heard, "");
  scene.caller = NULL;
  close_scene(&scene);
}

/* ---- a request that does not go out at once */

TEST(caller_writes_what_was_left_over) {
  struct scene scene;
  open_scene(&scene);
  memory_set_window(scene.memory, 5);
  ask(&scene, false);
  memory_set_window(scene.memory, 1000);
  run(&scene);
  const struct buffer *sent = memory_received(scene.memory);
  CHECK_BYTES(sent->bytes, sent->length, "GET / HTTP/1.1\r\n\r\n", 18);
  say(&scene, LENGTH("1") "a");
  CHECK_TEXT(scene.heard, "200 <a> kept");
  close_scene(&scene);
}

TEST(caller_is_not_kept_when_the_answer_outran_the_request) {
  struct scene scene;
  open_scene(&scene);
  memory_set_window(scene.memory, 5);
  ask(&scene, false);
  say(&scene, LENGTH("1") "a");
  CHECK_TEXT(scene.heard, "200 <a>");
  close_scene(&scene);
}

/* ---- time */

TEST(caller_waits_so_long_and_no_longer) {
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  say(&scene, LENGTH("5") "Hel");
  manual_clock_advance(&scene.clock, TIMEOUT - 100);
  CHECK_TEXT(scene.heard, "");
  manual_clock_advance(&scene.clock, 200);
  CHECK_TEXT(scene.heard, "late");
  close_scene(&scene);
}

TEST(caller_that_has_answered_in_time_has_no_deadline) {
  struct scene scene;
  open_scene(&scene);
  ask(&scene, false);
  say(&scene, LENGTH("1") "a");
  manual_clock_advance(&scene.clock, 10 * (uint64_t)TIMEOUT);
  CHECK_TEXT(scene.heard, "200 <a> kept");
  caller_rest(scene.caller, 500);
  manual_clock_advance(&scene.clock, 400);
  ask(&scene, false);
  manual_clock_advance(&scene.clock, 400);
  say(&scene, LENGTH("1") "b");
  caller_rest(scene.caller, 500);
  manual_clock_advance(&scene.clock, 700);
  CHECK_TEXT(scene.heard, "200 <a> kept; 200 <b> kept; ended");
  close_scene(&scene);
}

/* ---- no memory */

static bool starved(uint64_t nth) {
  struct scene scene;
  open_scene(&scene);
  memory_set_window(scene.memory, 5);
  mem_fail_at(nth, false);
  int error = ask(&scene, false);
  if (error) scene.caller = NULL;
  bool was_short = mem_requests() >= nth;
  uint64_t before = mem_requests();
  mem_fail_at(0, false);
  /* The server's side allocates too: what is sent is not to fail. */
  memory_send(scene.memory, CHUNKED "1\r\na\r\n0\r\n\r\n",
              strlen(CHUNKED "1\r\na\r\n0\r\n\r\n"));
  if (!was_short) {
    mem_fail_at(nth - before, false);
    run(&scene);
    was_short = mem_requests() >= nth - before;
    mem_fail_at(0, false);
    if (was_short) CHECK_TEXT(scene.heard, "no memory");
  } else {
    CHECK_EQ(error, -ENOMEM);
  }
  run(&scene);
  close_scene(&scene);
  return was_short;
}

TEST(caller_survives_having_no_memory) {
  mem_fail_at(0, false);
  int64_t before = mem_in_use();
  uint64_t nth = 1;
  while (starved(nth)) nth++;
  CHECK(nth >= 5);
  CHECK_EQ(mem_in_use(), before);
}

TEST(caller_without_memory_for_itself_closes_its_transport) {
  struct scene scene = {0};
  manual_clock_init(&scene.clock);
  CHECK_EQ(server_init(&scene.server, &scene.clock.face), 0);
  scene.memory = memory_transport_new();
  mem_fail_at(1, false);
  CHECK(caller_new(&scene.server, memory_transport_face(scene.memory), &events,
                   &scene) == NULL);
  mem_fail_at(0, false);
  CHECK(memory_is_closed(scene.memory));
  close_scene(&scene);
}
