#include "support_stage.h"

#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "proto/framed.h"
#include "proto/reader.h"
#include "support_event_text.h"
#include "support_starve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct stage stage;
static char shown[STAGE_TEXT];

/* ---- texts */

static void append(char *text, const char *more) {
  event_text_add(text, STAGE_TEXT, more);
}

static void begin_item(char *text, const char *name) {
  event_text_add_item(text, STAGE_TEXT, name);
}

void stage_note(struct stage *of, const char *event) {
  begin_item(of->events, event);
}

const char *stage_events(struct stage *of) {
  memcpy(shown, of->events, sizeof shown);
  of->events[0] = '\0';
  return shown;
}

void stage_check(struct peer *peer, const char *events, const char *heard) {
  CHECK_TEXT(stage_events(peer->stage), events);
  CHECK_TEXT(peer_heard(peer), heard);
}

/* ---- the endpoint and the service */

static void note(struct connection *conn, const char *name, int code,
                 struct slice data) {
  char number[32];

  stage.conn = conn;
  begin_item(stage.events, "");
  size_t start = strlen(stage.events);
  if (conn->id > 1) {
    snprintf(number, sizeof number, "%d:", (int)conn->id);
    append(stage.events, number);
  }
  size_t name_start = strlen(stage.events);
  append(stage.events, name);
  if (code) {
    snprintf(number, sizeof number, " %d", code);
    append(stage.events, number);
  }
  event_text_add_payload(stage.events, STAGE_TEXT, data.at, data.length);
  if (!stage.act) return;
  const char *on = stage.act_on;
  if (on && strncmp(stage.events + start, on, strlen(on)) != 0 &&
      strncmp(stage.events + name_start, on, strlen(on)) != 0) {
    return;
  }
  stage.act(&stage, conn);
}

static void on_open(struct endpoint *endpoint, struct connection *conn) {
  CHECK(endpoint == &stage.endpoint);
  note(conn, "open", 0, SLICE(""));
}

static void on_message(struct endpoint *endpoint, struct connection *conn,
                       struct slice message, bool is_binary) {
  CHECK(endpoint == &stage.endpoint);
  note(conn, is_binary ? "binary" : "text", 0, message);
  if (!stage.echoes) return;
  struct payload *echo =
      framed_copy(is_binary ? OP_BINARY : OP_TEXT, message.at, message.length);
  if (!echo) return;
  connection_send(conn, echo);
  payload_drop(echo);
}

static void on_control(struct endpoint *endpoint, struct connection *conn,
                       enum opcode opcode, struct slice data) {
  CHECK(endpoint == &stage.endpoint);
  note(conn, opcode == OP_PING ? "ping" : "pong", 0, data);
}

static void on_drain(struct endpoint *endpoint, struct connection *conn) {
  CHECK(endpoint == &stage.endpoint);
  note(conn, "drain", 0, SLICE(""));
}

static void on_close(struct endpoint *endpoint, struct connection *conn,
                     int code, struct slice reason) {
  CHECK(endpoint == &stage.endpoint);
  note(conn, "close", code, reason);
}

static void on_unused(struct endpoint *endpoint) {
  CHECK(endpoint == &stage.endpoint);
  stage.unused++;
}

static const struct endpoint_events endpoint_events = {
    on_open, on_message, on_control, on_drain, on_close, on_unused};

static void on_request(struct service *service, struct connection *conn,
                       const struct http_head *head) {
  CHECK(service == &stage.service);
  CHECK(head->target.length > 0);
  stage.conn = conn;
  if (stage.decide)
    stage.decide(&stage, conn);
  else
    connection_upgrade(conn, &stage.endpoint, SLICE(""), SLICE(""));
}

static void on_refused(struct service *service, struct connection *conn,
                       const struct refusal *refusal) {
  CHECK(service == &stage.service);
  CHECK(refusal->reason && refusal->reason[0]);
  note(conn, "refused", refusal->status, SLICE(""));
}

void stage_pause(struct stage *of, struct connection *conn) {
  (void)of;
  connection_pause(conn, PAUSE_ASKED);
}

void stage_decide_later(struct stage *of, struct connection *conn) {
  CHECK(of->conn == conn);
}

enum send_result stage_send(struct connection *conn, char byte, size_t length) {
  char *text = malloc(length + 1);
  memset(text, byte, length);
  struct payload *frame = framed_copy(OP_TEXT, text, length);
  free(text);
  if (!frame) return SEND_DROPPED;
  enum send_result result = connection_send(conn, frame);
  payload_drop(frame);
  return result;
}

/* ---- the stage */

struct stage *stage_open(void) {
  pool_drain();
  memset(&stage, 0, sizeof stage);
  stage.held = mem_in_use();
  manual_clock_init(&stage.clock);
  CHECK_EQ(server_init(&stage.server, &stage.clock.face), 0);
  stage.endpoint = (struct endpoint){
      .events = &endpoint_events, .limits = limits_default, .references = 1};
  stage.service = (struct service){.request = on_request,
                                   .refused = on_refused,
                                   .header_timeout = SERVICE_HEADER_TIMEOUT,
                                   .max_header_size = SERVICE_MAX_HEADER_SIZE,
                                   .max_body_size = SERVICE_MAX_BODY_SIZE};
  stage.served = &stage.service;
  return &stage;
}

/* Takes what came off the wire. */
static void harvest(struct peer *peer, size_t most) {
  const struct buffer *received = memory_received(peer->memory);
  size_t length = received->length < most ? received->length : most;

  if (length == 0) return;
  starve_pause();
  peer->got = realloc(peer->got, peer->length + length);
  if (!peer->got) exit(2);
  memcpy(peer->got + peer->length, received->bytes, length);
  peer->length += length;
  memory_take(peer->memory, length);
  starve_resume();
}

static void run_peer(struct peer *peer) {
  if (!peer->memory) return;
  if (!peer->is_stuck || memory_is_closed(peer->memory)) {
    harvest(peer, SIZE_MAX);
  }
  if (memory_is_shut_down(peer->memory)) peer->saw_fin = true;
  if (!memory_run(peer->memory)) peer->memory = NULL;
}

void stage_turn(struct stage *of) {
  for (size_t i = 0; i < of->peer_count; i++) run_peer(&of->peers[i]);
  server_turn(&of->server);
}

void stage_run(struct stage *of) {
  for (int i = 0; i < 6; i++) stage_turn(of);
}

void stage_wait(struct stage *of, uint64_t milliseconds) {
  manual_clock_advance(&of->clock, milliseconds);
  stage_run(of);
}

struct peer *stage_connect(struct stage *of) {
  if (of->peer_count == STAGE_PEERS) exit(2);
  struct peer *peer = &of->peers[of->peer_count++];
  starve_pause();
  *peer = (struct peer){.stage = of, .memory = memory_transport_new()};
  starve_resume();
  server_accept(&of->server, of->served, memory_transport_face(peer->memory));
  return peer;
}

struct peer *stage_upgraded(struct stage *of) {
  struct peer *peer = stage_connect(of);

  peer_send_text(peer, STAGE_HANDSHAKE);
  stage_run(of);
  peer_heard(peer);
  of->events[0] = '\0';
  return peer;
}

struct peer *stage_stuck(struct stage *of, size_t window) {
  struct peer *peer = stage_upgraded(of);

  peer->is_stuck = true;
  memory_set_window(peer->memory, window);
  return peer;
}

struct peer *stage_ask(struct stage *of, const struct opening *opening,
                       struct connection **conn) {
  if (of->peer_count == STAGE_PEERS) exit(2);
  struct peer *peer = &of->peers[of->peer_count++];
  starve_pause();
  *peer = (struct peer){
      .stage = of, .memory = memory_transport_new(), .is_server = true};
  starve_resume();
  *conn =
      connection_ask(&of->server, memory_transport_face(peer->memory), opening);
  return peer;
}

void stage_forget_peers(struct stage *of) {
  for (size_t i = 0; i < of->peer_count; i++) {
    CHECK(of->peers[i].memory == NULL);
    free(of->peers[i].got);
  }
  of->peer_count = 0;
}

void stage_close(struct stage *of) {
  starve_end();
  of->act = NULL;
  server_terminate(&of->server);
  stage_run(of);
  stage_forget_peers(of);
  CHECK_EQ(of->server.count, 0);
  CHECK(list_is_empty(&of->server.connections));
  CHECK(list_is_empty(&of->server.due));
  CHECK_EQ(of->server.wheel.count,
           list_is_empty(&of->server.drain_timer.link) ? 0 : 1);
  CHECK_EQ(of->endpoint.references, 1);
  server_free(&of->server);
  pool_drain();
  CHECK_EQ(mem_in_use(), of->held);
}

/* ---- peers */

void peer_send_bytes(struct peer *peer, const void *bytes, size_t length) {
  if (!peer->memory) return;
  starve_pause();
  memory_send(peer->memory, bytes, length);
  starve_resume();
}

void peer_send_text(struct peer *peer, const char *text) {
  peer_send_bytes(peer, text, strlen(text));
}

void peer_send(struct peer *peer, const char *notation) {
  size_t length;
  uint8_t *bytes = bytes_of(notation, &length);

  peer_send_bytes(peer, bytes, length);
  free(bytes);
}

static void send_frame(struct peer *peer, enum opcode opcode, uint8_t *payload,
                       size_t length) {
  static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
  uint8_t header[FRAME_HEADER_MAX];
  size_t size = frame_write_masked_header(header, opcode, length, key);

  frame_mask_plain(payload, length, key, 0);
  peer_send_bytes(peer, header, size);
  peer_send_bytes(peer, payload, length);
}

void peer_frame(struct peer *peer, enum opcode opcode, const char *text) {
  size_t length = strlen(text);
  uint8_t *payload = malloc(length + 1);

  memcpy(payload, text, length);
  send_frame(peer, opcode, payload, length);
  free(payload);
}

void peer_frame_of(struct peer *peer, enum opcode opcode, char byte,
                   size_t length) {
  uint8_t *payload = malloc(length + 1);

  memset(payload, byte, length);
  send_frame(peer, opcode, payload, length);
  free(payload);
}

void peer_take(struct peer *peer, size_t length) {
  if (peer->memory) harvest(peer, length);
}

void peer_unstick(struct peer *peer) {
  peer->is_stuck = false;
  memory_set_window(peer->memory, SIZE_MAX);
}

static void drop_got(struct peer *peer, size_t length) {
  if (length == 0) return;
  peer->length -= length;
  memmove(peer->got, peer->got + length, peer->length);
}

/* The answer's head becomes its status. */
static void read_head(struct peer *peer) {
  char status[4] = "";

  if (peer->length == 0) return;
  uint8_t *end = memmem(peer->got, peer->length, "\r\n\r\n", 4);
  if (!end) return;
  CHECK(memcmp(peer->got, "HTTP/1.1 ", 9) == 0);
  memcpy(status, peer->got + 9, 3);
  begin_item(shown, status);
  peer->has_head = true;
  drop_got(peer, (size_t)(end + 4 - peer->got));
  if (strcmp(status, "101") != 0) drop_got(peer, peer->length);
}

/* Frames that are whole; the rest stays. Nothing may follow a close frame. */
static void read_frames(struct peer *peer) {
  struct reader reader;
  struct reader_event event;
  enum reader_result result;
  const uint8_t *unused;
  size_t used = 0;

  if (!peer->has_head) return;
  reader_init(&reader, peer->is_server ? READER_SERVER : READER_CLIENT,
              1 << 30);
  reader_feed(&reader, peer->got, peer->length);
  while ((result = reader_next(&reader, &event)) != READER_NEED_MORE) {
    event_text_add_event(shown, STAGE_TEXT, result, &event);
    used = peer->length - reader_unused(&reader, &unused);
    if (result != READER_CLOSE) continue;
    used = (size_t)(event.data + event.length - peer->got);
    if (event.code == CLOSE_NO_STATUS) used = peer->length;
    CHECK_EQ(used, peer->length);
    used = peer->length;
    break;
  }
  reader_free(&reader);
  drop_got(peer, used);
}

static void show_end(struct peer *peer) {
  if (peer->saw_fin && !peer->told_fin) begin_item(shown, "FIN");
  if (!peer->memory && !peer->told_gone) begin_item(shown, "gone");
  peer->told_fin = peer->saw_fin;
  peer->told_gone = !peer->memory;
}

const char *peer_heard(struct peer *peer) {
  shown[0] = '\0';
  if (peer->memory && memory_is_shut_down(peer->memory)) peer->saw_fin = true;
  if (!peer->has_head) read_head(peer);
  read_frames(peer);
  show_end(peer);
  return shown;
}

const char *peer_heard_raw(struct peer *peer) {
  size_t length = peer->length < sizeof shown ? peer->length : sizeof shown - 1;

  memcpy(shown, peer->got ? (char *)peer->got : "", length);
  shown[length] = '\0';
  drop_got(peer, peer->length);
  return shown;
}
