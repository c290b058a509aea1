/*
 * test_topic - who is in a topic, who hears its messages, and that nothing is
 * left of one when all have gone.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/framed.h"
#include "support_stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Upgrades a peer and yields the connection on the server's side. */
static struct connection *join_stage(struct stage *stage, struct peer **peer) {
  *peer = stage_upgraded(stage);
  return stage->conn;
}

static struct topic *get(struct stage *stage, const char *name) {
  return topic_get(&stage->server.topics, slice_of(name));
}

static size_t broadcast(struct topic *topic, const char *text,
                        const struct connection *except) {
  struct payload *frame = framed_copy(OP_TEXT, text, strlen(text));
  struct payload *raw = NULL;

  if (topic->raw_count > 0) {
    raw = payload_new(strlen(text));
    memcpy(raw->head, text, strlen(text));
  }
  size_t taken = topic_broadcast(topic, frame, raw, except);
  payload_drop(frame);
  if (raw) payload_drop(raw);
  return taken;
}

TEST(topic_is_one_by_its_name) {
  struct stage *stage = stage_open();
  struct topic *a = get(stage, "a"), *b = get(stage, "b");

  CHECK(a && b && a != b);
  CHECK(get(stage, "a") == a);
  CHECK_EQ(a->references, 2);
  CHECK_EQ(stage->server.topics.count, 2);
  topic_drop(a);
  topic_drop(a);
  CHECK_EQ(stage->server.topics.count, 1);
  topic_drop(b);
  CHECK_EQ(stage->server.topics.count, 0);
  stage_close(stage);
}

TEST(topic_names_are_any_bytes) {
  static const struct slice names[] = {{"", 0},     {"\0", 1},  {"\0\0", 2},
                                       {"a", 1},    {"a\0", 2}, {"a\0b", 3},
                                       {"a\0c", 3}, {"\xFF", 1}};
  struct stage *stage = stage_open();
  struct topic *topics[8];

  for (int i = 0; i < 8; i++) {
    topics[i] = topic_get(&stage->server.topics, names[i]);
    CHECK_BYTES(topics[i]->name, topics[i]->name_length, names[i].at,
                names[i].length);
  }
  CHECK_EQ(stage->server.topics.count, 8);
  for (int i = 0; i < 8; i++) {
    CHECK(topic_get(&stage->server.topics, names[i]) == topics[i]);
    topic_drop(topics[i]);
    topic_drop(topics[i]);
  }
  stage_close(stage);
}

TEST(topic_table_grows) {
  enum { TOPICS = 3000 };
  static struct topic *topics[TOPICS];
  struct stage *stage = stage_open();
  char name[16];

  for (int i = 0; i < TOPICS; i++) {
    snprintf(name, sizeof name, "topic %d", i);
    topics[i] = get(stage, name);
  }
  CHECK_EQ(stage->server.topics.count, TOPICS);
  CHECK(stage->server.topics.bucket_count >= TOPICS);
  for (int i = TOPICS - 1; i >= 0; i--) {
    snprintf(name, sizeof name, "topic %d", i);
    CHECK(get(stage, name) == topics[i]);
    topic_drop(topics[i]);
    if (i % 2) topic_drop(topics[i]);
  }
  CHECK_EQ(stage->server.topics.count, TOPICS / 2);
  for (int i = 0; i < TOPICS; i += 2) topic_drop(topics[i]);
  stage_close(stage);
}

TEST(topic_has_members) {
  struct stage *stage = stage_open();
  struct peer *peers[2];
  struct connection *one = join_stage(stage, &peers[0]);
  struct connection *two = join_stage(stage, &peers[1]);
  struct topic *topic = get(stage, "t");

  CHECK(!topic_has(topic, one) && !topic_remove(topic, one));
  CHECK(topic_add(topic, one) && topic_add(topic, one));
  CHECK_EQ(topic->count, 1);
  CHECK(topic_has(topic, one) && !topic_has(topic, two));
  topic_drop(topic); /* its member keeps it */
  CHECK(get(stage, "t") == topic);
  topic_drop(topic);
  CHECK_EQ(stage->server.topics.count, 1);
  topic_remove(topic, one); /* and the topic is gone with it */
  CHECK_EQ(stage->server.topics.count, 0);
  stage_close(stage);
}

TEST(topic_moves_its_last_member_to_the_free_place) {
  struct stage *stage = stage_open();
  struct connection *conns[20];
  struct peer *peer;
  struct topic *topic = get(stage, "t");

  for (int i = 0; i < 20; i++) {
    conns[i] = join_stage(stage, &peer);
    CHECK(topic_add(topic, conns[i]));
  }
  for (int i = 0; i < 20; i++) {
    int gone = i * 7 % 20;
    CHECK(topic_remove(topic, conns[gone]));
    CHECK(!topic_has(topic, conns[gone]));
    CHECK_EQ(topic->count, 19 - i);
    for (size_t place = 0; place < topic->count; place++) {
      CHECK_EQ(topic->members[place]->place, place);
    }
  }
  topic_drop(topic);
  stage_close(stage);
}

static bool was_member_at_close;

static void look_at_close(struct stage *stage, struct connection *conn) {
  struct topic *topic = get(stage, "t");

  was_member_at_close = topic_has(topic, conn);
  CHECK(topic_add(topic, conn)); /* changes nothing */
  CHECK(!topic_has(topic, conn));
  topic_drop(topic);
}

TEST(topic_memberships_end_with_the_close_event) {
  for (int ending = 0; ending < 4; ending++) {
    struct stage *stage = stage_open();
    struct peer *peer;
    struct connection *conn = join_stage(stage, &peer);
    struct topic *topics[2] = {get(stage, "t"), get(stage, "u")};
    check_context("ending %d", ending);
    for (int i = 0; i < 2; i++) {
      topic_add(topics[i], conn);
      topic_drop(topics[i]);
    }
    stage->act_on = "close";
    stage->act = look_at_close;
    was_member_at_close = true;
    if (ending == 0) peer_send(peer, "88 80 00000000");
    if (ending == 1) memory_break(peer->memory, -ECONNRESET);
    if (ending == 2) connection_terminate(conn);
    if (ending == 3) peer_send(peer, "FF");
    stage_run(stage);
    CHECK(!was_member_at_close);
    CHECK_EQ(stage->server.topics.count, 0);
    stage_close(stage);
  }
}

TEST(topic_takes_no_connection_that_is_closing) {
  struct stage *stage = stage_open();
  struct peer *peer;
  struct connection *conn = join_stage(stage, &peer);
  struct topic *topic = get(stage, "t");

  connection_close(conn, 1000, SLICE(""));
  CHECK(topic_add(topic, conn));
  CHECK_EQ(topic->count, 0);
  topic_drop(topic);
  stage_close(stage);
}

TEST(topic_broadcasts_to_all_but_one) {
  struct stage *stage = stage_open();
  struct peer *peers[4];
  struct connection *conns[4];
  struct topic *topic = get(stage, "t");

  for (int i = 0; i < 4; i++) conns[i] = join_stage(stage, &peers[i]);
  CHECK_EQ(broadcast(topic, "nobody", NULL), 0);
  for (int i = 0; i < 3; i++) topic_add(topic, conns[i]);
  CHECK_EQ(broadcast(topic, "all", NULL), 3);
  CHECK_EQ(broadcast(topic, "two", conns[1]), 2);
  CHECK_EQ(broadcast(topic, "from outside", conns[3]), 3);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peers[0]), "text all; text two; text from outside");
  CHECK_TEXT(peer_heard(peers[1]), "text all; text from outside");
  CHECK_TEXT(peer_heard(peers[3]), "");
  topic_drop(topic);
  stage_close(stage);
}

TEST(topic_broadcast_leaves_out_who_is_gone) {
  struct stage *stage = stage_open();
  struct peer *peers[3];
  struct connection *conns[3];
  struct topic *topic = get(stage, "t");

  for (int i = 0; i < 3; i++) {
    conns[i] = join_stage(stage, &peers[i]);
    topic_add(topic, conns[i]);
  }
  connection_terminate(conns[0]);
  connection_close(conns[1], 1000, SLICE(""));
  CHECK_EQ(broadcast(topic, "a", NULL), 1);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peers[1]), "close 1000");
  CHECK_TEXT(peer_heard(peers[2]), "text a");
  topic_drop(topic);
  stage_close(stage);
}

/* Who cannot keep up is lost in the middle of the loop over all. */
TEST(topic_broadcast_overflows_some) {
  struct stage *stage = stage_open();
  struct peer *peers[3];
  struct topic *topic = get(stage, "t");

  stage->endpoint.limits.max_buffered_amount = 10;
  for (int i = 0; i < 3; i++) topic_add(topic, join_stage(stage, &peers[i]));
  peers[1]->is_stuck = true;
  memory_set_window(peers[1]->memory, 1);
  CHECK_EQ(broadcast(topic, "0123456789", NULL), 3);
  stage_run(stage);
  CHECK_EQ(broadcast(topic, "again", NULL), 2);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "2:close 1013 the peer reads too slowly");
  CHECK_EQ(topic->count, 2);
  CHECK_TEXT(peer_heard(peers[2]), "text 0123456789; text again");
  topic_drop(topic);
  stage_close(stage);
}

TEST(topic_broadcasts_bytes_to_raw_members) {
  struct stage *stage = stage_open();
  struct peer *framed, *raw;
  struct topic *topic = get(stage, "t");

  topic_add(topic, join_stage(stage, &framed));
  stage->service.raw = &stage->endpoint;
  raw = stage_connect(stage);
  topic_add(topic, stage->conn);
  CHECK_EQ(topic->raw_count, 1);
  CHECK_EQ(broadcast(topic, "both", NULL), 2);
  stage_run(stage);
  CHECK_TEXT(peer_heard(framed), "text both");
  CHECK_TEXT(peer_heard_raw(raw), "both");
  topic_remove(topic, stage->conn);
  CHECK_EQ(topic->raw_count, 0);
  topic_drop(topic);
  stage_close(stage);
}

TEST(topic_says_when_there_is_no_memory) {
  struct stage *stage = stage_open();
  struct peer *peer;
  struct connection *conn = join_stage(stage, &peer);
  struct topic *topic = NULL;
  uint64_t n;

  for (n = 1; !topic && n < 10; n++) {
    mem_fail_at(n, false);
    topic = get(stage, "t");
    mem_fail_at(0, false);
  }
  CHECK(n > 2 && topic);
  bool is_added = false;
  for (n = 1; !is_added && n < 10; n++) {
    mem_fail_at(n, false);
    is_added = topic_add(topic, conn);
    mem_fail_at(0, false);
    CHECK_EQ(topic_has(topic, conn), is_added);
    CHECK_EQ(topic->count, is_added);
  }
  CHECK(n > 2);
  topic_drop(topic);
  stage_close(stage);
}

/* ---- against a model */

enum { CONNS = 30, TOPICS = 12, STEPS = 1000 };

static uint32_t seed;

static uint32_t random_below(uint32_t bound) {
  seed = seed * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)seed * bound >> 32);
}

/* What should be the case; a connection that has ended is NULL. */
static struct {
  struct connection *conns[CONNS];
  struct peer *peers[CONNS];
  struct topic *topics[TOPICS];
  bool has[TOPICS][CONNS];
} model;

static void check_model(void) {
  for (int t = 0; t < TOPICS; t++) {
    size_t count = 0;
    for (int c = 0; c < CONNS; c++) {
      count += model.has[t][c];
      if (!model.conns[c]) continue;
      CHECK_EQ(topic_has(model.topics[t], model.conns[c]), model.has[t][c]);
    }
    CHECK_EQ(model.topics[t]->count, count);
  }
}

static void end_connection(struct stage *stage, int c) {
  if (random_below(2))
    connection_terminate(model.conns[c]);
  else
    memory_break(model.peers[c]->memory, -ECONNRESET);
  stage_run(stage);
  model.conns[c] = NULL;
  for (int t = 0; t < TOPICS; t++) model.has[t][c] = false;
}

static void step(struct stage *stage) {
  int t = (int)random_below(TOPICS), c = (int)random_below(CONNS);
  uint32_t choice = random_below(20);

  if (!model.conns[c]) {
    if (stage->peer_count == STAGE_PEERS) return;
    model.conns[c] = join_stage(stage, &model.peers[c]);
  } else if (choice < 11) {
    CHECK(topic_add(model.topics[t], model.conns[c]));
    model.has[t][c] = true;
  } else if (choice < 18) {
    CHECK_EQ(topic_remove(model.topics[t], model.conns[c]), model.has[t][c]);
    model.has[t][c] = false;
  } else if (choice < 19) {
    size_t count = model.topics[t]->count;
    CHECK_EQ(broadcast(model.topics[t], "m", model.conns[c]),
             count - model.has[t][c]);
  } else {
    end_connection(stage, c);
  }
}

TEST(topic_agrees_with_a_model) {
  for (uint32_t start = 1; start <= 5; start++) {
    struct stage *stage = stage_open();
    char name[16];
    seed = start;
    check_context("seed %u", start);
    memset(&model, 0, sizeof model);
    for (int t = 0; t < TOPICS; t++) {
      snprintf(name, sizeof name, "%d", t);
      model.topics[t] = get(stage, name);
    }
    for (int i = 0; i < STEPS; i++) {
      step(stage);
      if (i % 10 == 0) check_model();
    }
    check_model();
    for (int t = 0; t < TOPICS; t++) topic_drop(model.topics[t]);
    stage_close(stage);
  }
}
