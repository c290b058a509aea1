#include "caller.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "proto/http_body.h"
#include "server.h"

#include <errno.h>

enum { MOST_INTERIM = 8 }; /* answers such as 100 and 103 before the real one */

/* A request and its answer. Owned by its caller; while the transport writes
 * `rest` it stays, whatever else has come to an end. */
struct exchange {
  struct buffer rest;  /* of the request: what did not go out at once */
  struct buffer bytes; /* of the answer's head, which `answer` points into */
  struct http_scan scan;
  struct http_body *body; /* NULL: the head is not there yet */
  struct caller_limits limits;
  uint8_t interim;
  bool is_head;    /* the request's method */
  bool is_unsent;  /* some of the request is not out, or never will be */
  bool is_touched; /* a byte of the answer has come */
  struct http_answer answer;
};

static void exchange_free(struct exchange *exchange) {
  if (!exchange) return;
  buffer_free(&exchange->rest);
  buffer_free(&exchange->bytes);
  http_body_free(exchange->body);
  mem_free(exchange);
}

/* From here on its transport owns it. */
void caller_close(struct caller *caller) {
  if (!caller->events) return;
  caller->events = NULL;
  wheel_stop(&caller->server->wheel, &caller->timer);
  caller->transport->ops->close(caller->transport);
}

static void fail(struct caller *caller, enum caller_error error,
                 const char *reason) {
  const struct caller_events *events = caller->events;
  struct caller_failure failure = {error, reason,
                                   !caller->exchange->is_touched};
  caller_close(caller);
  events->failed(caller->owner, &failure);
}

static void end_idle(struct caller *caller) {
  const struct caller_events *events = caller->events;
  caller_close(caller);
  events->ended(caller->owner);
}

/* ---- the answer */

/* May the next request follow? `is_clean`: nothing came behind the answer. An
 * answer that ends with the connection says so in keep_alive. */
static bool is_to_be_kept(const struct exchange *exchange, bool is_clean) {
  return is_clean && exchange->answer.head.keep_alive && !exchange->is_unsent;
}

static void finish(struct caller *caller, bool is_clean) {
  const struct caller_events *events = caller->events;
  struct exchange *exchange = caller->exchange;
  struct slice body = http_body_content(exchange->body);
  if (!is_to_be_kept(exchange, is_clean)) {
    caller_close(caller);
    events->answered(caller->owner, &exchange->answer, body, false);
    return;
  }
  wheel_stop(&caller->server->wheel, &caller->timer);
  caller->exchange = NULL;
  events->answered(caller->owner, &exchange->answer, body, true);
  exchange_free(exchange);
}

static void judge_body(struct caller *caller, enum http_body_state state,
                       bool is_clean) {
  switch (state) {
  case HTTP_BODY_UNFINISHED: return;
  case HTTP_BODY_WHOLE: finish(caller, is_clean); return;
  case HTTP_BODY_TOO_LARGE:
    fail(caller, CALLER_TOO_LARGE, "the body is larger than allowed");
    return;
  case HTTP_BODY_MALFORMED:
    fail(caller, CALLER_MALFORMED, "the chunks of the body are malformed");
    return;
  case HTTP_BODY_NO_MEMORY:
    fail(caller, CALLER_NO_MEMORY, "out of memory");
    return;
  }
}

static struct http_body *new_body(struct exchange *exchange) {
  const struct http_answer *answer = &exchange->answer;
  size_t limit = exchange->limits.max_body_size;
  switch (http_answer_body(answer, exchange->is_head)) {
  case HTTP_ANSWER_FRAMED: return http_body_new(&answer->head, limit);
  case HTTP_ANSWER_UNTIL_END:
    return http_body_new_framed(HTTP_UNTIL_END, 0, limit);
  default: return http_body_new_framed(HTTP_BY_LENGTH, 0, limit);
  }
}

/* The head of the answer itself, or of one that announces it (RFC 9110 15.2).
 */
static void take_whole_head(struct caller *caller) {
  struct exchange *exchange = caller->exchange;
  struct refusal refusal;
  if (!http_answer_parse(&exchange->answer, (const char *)exchange->bytes.bytes,
                         exchange->bytes.length, &refusal)) {
    fail(caller, CALLER_MALFORMED, refusal.reason);
  } else if (exchange->answer.status == 101) {
    fail(caller, CALLER_MALFORMED,
         "the server switches protocols, which was not asked for");
  } else if (exchange->answer.status >= 200) {
    exchange->body = new_body(exchange);
    if (!exchange->body) fail(caller, CALLER_NO_MEMORY, "out of memory");
  } else if (++exchange->interim > MOST_INTERIM) {
    fail(caller, CALLER_MALFORMED, "too many interim answers");
  } else {
    buffer_free(&exchange->bytes);
    exchange->scan = (struct http_scan){0};
  }
}

/* Cuts what belongs to the head off `left`. */
static void take_head(struct caller *caller, struct slice *left) {
  struct exchange *exchange = caller->exchange;
  struct buffer *bytes = &exchange->bytes;
  size_t before = bytes->length;
  size_t room = exchange->limits.max_header_size - before;
  size_t length = left->length < room ? left->length : room;
  struct refusal refusal;
  if (!buffer_append(bytes, left->at, length)) {
    fail(caller, CALLER_NO_MEMORY, "out of memory");
    return;
  }
  size_t size = http_answer_scan(&exchange->scan, (const char *)bytes->bytes,
                                 bytes->length,
                                 exchange->limits.max_header_size, &refusal);
  if (refusal.status != 0) {
    fail(caller, CALLER_MALFORMED, refusal.reason);
    return;
  }
  size_t used = size > 0 ? size - before : length;
  left->at += used;
  left->length -= used;
  if (size == 0) return;
  bytes->length = size;
  take_whole_head(caller);
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct caller *caller = owner;
  struct slice left = {(const char *)bytes, length};
  if (!caller->exchange) {
    end_idle(caller);
    return;
  }
  struct exchange *exchange = caller->exchange;
  exchange->is_touched = true;
  while (caller->events && !exchange->body && left.length > 0) {
    take_head(caller, &left);
  }
  if (!caller->events || !exchange->body) return;
  size_t used;
  enum http_body_state state =
      http_body_feed(exchange->body, left.at, left.length, &used);
  judge_body(caller, state, used == left.length);
}

static void on_ended(void *owner, int error) {
  struct caller *caller = owner;
  struct exchange *exchange = caller->exchange;
  if (!exchange) {
    end_idle(caller);
    return;
  }
  bool is_whole = error == 0 && exchange->body &&
                  http_body_end(exchange->body) == HTTP_BODY_WHOLE;
  if (is_whole)
    finish(caller, false);
  else if (exchange->is_touched)
    fail(caller, CALLER_LOST,
         "the connection was lost in the middle of the answer");
  else
    fail(caller, CALLER_LOST, "the connection was lost before an answer came");
}

/* ---- the request */

/* An error says that the server takes no more, which is its right: it may have
 * answered already. Reading will tell. */
static void on_written(void *owner, int error) {
  struct exchange *exchange = ((struct caller *)owner)->exchange;
  if (!exchange) return;
  exchange->is_unsent = error != 0;
  if (!error) buffer_free(&exchange->rest);
}

static int send_rest(struct caller *caller, struct slice rest) {
  struct exchange *exchange = caller->exchange;
  if (!buffer_append(&exchange->rest, rest.at, rest.length)) return -ENOMEM;
  exchange->is_unsent = true;
  rest.at = (const char *)exchange->rest.bytes;
  return caller->transport->ops->write(caller->transport, &rest, 1);
}

static int send_request(struct caller *caller, struct slice request) {
  ssize_t written =
      caller->transport->ops->try_write(caller->transport, &request, 1);
  if (written < 0) return (int)written;
  request.at += written;
  request.length -= (size_t)written;
  return request.length > 0 ? send_rest(caller, request) : 0;
}

int caller_ask(struct caller *caller, struct slice request, bool is_head,
               const struct caller_limits *limits) {
  struct exchange *exchange = mem_alloc_zeroed(1, sizeof *exchange);
  caller->exchange = exchange;
  int error = exchange ? send_request(caller, request) : -ENOMEM;
  if (error) {
    caller_close(caller);
    return error;
  }
  exchange->is_head = is_head;
  exchange->limits = *limits;
  wheel_start(&caller->server->wheel, &caller->timer, limits->timeout);
  return 0;
}

/* ---- its life */

static size_t on_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void on_closed(void *owner) {
  struct caller *caller = owner;
  exchange_free(caller->exchange);
  mem_free(caller);
}

static const struct transport_events transport_events = {
    .space = on_space,
    .read = on_read,
    .ended = on_ended,
    .written = on_written,
    .closed = on_closed,
};

struct caller *caller_new(struct server *server, struct transport *transport,
                          const struct caller_events *events, void *owner) {
  struct caller *caller = mem_alloc_zeroed(1, sizeof *caller);
  if (!caller) {
    transport->ops->close(transport);
    return NULL;
  }
  *caller = (struct caller){.server = server,
                            .transport = transport,
                            .events = events,
                            .owner = owner};
  wheel_entry_init(&caller->timer);
  caller->timer.owner = TIMER_OF_CALLER;
  transport->events = &transport_events;
  transport->owner = caller;
  if (transport->ops->start_reading(transport) == 0) return caller;
  caller_close(caller);
  return NULL;
}

void caller_rest(struct caller *caller, uint32_t milliseconds) {
  wheel_start(&caller->server->wheel, &caller->timer, milliseconds);
}

void caller_timed_out(struct caller *caller) {
  if (caller->exchange)
    fail(caller, CALLER_LATE, "no answer in time");
  else
    end_idle(caller);
}
