#include "support_tls.h"

#include "base/mem.h"
#include "check.h"

#include <errno.h>
#include <mbedtls/pem.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files */

static char folder[] = "/tmp/ratchet-tls-XXXXXX";
static const char *const names[] = {"cert.pem", "key.pem", "other.pem",
                                    "other-key.pem", "broken.pem"};

static void remove_folder(void) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    unlink(tls_test_path(names[i]));
  }
  rmdir(folder);
}

const char *tls_test_path(const char *name) {
  static char paths[8][64];
  static unsigned next;
  static bool is_made;
  if (!is_made) {
    is_made = true;
    CHECK(mkdtemp(folder) != NULL);
    atexit(remove_folder);
  }
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void tls_test_write(const char *name, const char *text) {
  umask(077); /* there are keys among them */
  FILE *file = fopen(tls_test_path(name), "w");
  if (!CHECK(file != NULL)) return;
  fputs(text, file);
  fclose(file);
}

static void write_identity(const char *certificate, const char *key) {
  char error[TLS_ERROR_MAX];
  unsigned char text[4096];
  size_t length;
  struct tls_identity identity;
  tls_identity_init(&identity);
  CHECK(tls_library_start());
  CHECK(tls_identity_make(&identity, error));
  CHECK_EQ(mbedtls_pem_write_buffer(
               "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
               identity.chain.raw.p, identity.chain.raw.len, text, sizeof text,
               &length),
           0);
  tls_test_write(certificate, (char *)text);
  CHECK_EQ(mbedtls_pk_write_key_pem(&identity.key, text, sizeof text), 0);
  tls_test_write(key, (char *)text);
  tls_identity_free(&identity);
}

static void make_files(void) {
  static bool is_made;
  if (is_made) return;
  is_made = true;
  write_identity("cert.pem", "key.pem");
  write_identity("other.pem", "other-key.pem");
}

const struct tls_server_options *tls_test_server(void) {
  static struct tls_pair pair;
  static const struct tls_server_options options = {.pairs = &pair, .count = 1};
  static char certificate[64], key[64];
  make_files();
  snprintf(certificate, sizeof certificate, "%s", tls_test_path("cert.pem"));
  snprintf(key, sizeof key, "%s", tls_test_path("key.pem"));
  pair = (struct tls_pair){certificate, key, NULL};
  return &options;
}

const struct tls_client_options *tls_test_client(void) {
  static struct tls_client_options options;
  static char ca[64];
  make_files();
  snprintf(ca, sizeof ca, "%s", tls_test_path("cert.pem"));
  options.ca = ca;
  return &options;
}

/* ---- the ends */

static size_t on_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void on_read(void *owner, uint8_t *bytes, size_t length) {
  struct tls_end *end = owner;
  CHECK(!end->ended);
  if (!buffer_append(&end->got, bytes, length)) end->error = -ENOMEM;
  memset(bytes, 0xee, length); /* they are ours to change */
  if (end->is_pausing) end->transport->ops->stop_reading(end->transport);
}

static void on_ended(void *owner, int error) {
  struct tls_end *end = owner;
  const char *why = end->transport->ops->why(end->transport);
  if (!end->ended) end->error = error;
  end->ended = true;
  snprintf(end->why, sizeof end->why, "%s", why ? why : "");
}

static void on_written(void *owner, int error) {
  struct tls_end *end = owner;
  end->written++;
  if (error) end->error = error;
}

static void on_closed(void *owner) {
  struct tls_end *end = owner;
  end->transport = NULL;
  end->closed++;
}

static void on_opened(void *owner) {
  struct tls_end *end = owner;
  CHECK(!end->opened);
  CHECK(!end->transport->is_opening);
  end->opened = true;
}

static const struct transport_events events = {
    on_space, on_read, on_ended, on_written, on_closed, on_opened};

static bool begin(struct tls_end *end, struct transport *transport) {
  end->transport = transport;
  if (!transport) {
    struct transport *face = memory_transport_face(end->memory);
    face->ops->close(face);
    memory_run(end->memory);
    return false;
  }
  transport->events = &events;
  transport->owner = end;
  return transport->ops->start_reading(transport) == 0;
}

bool tls_wire_open(struct tls_wire *wire, struct tls_server *server,
                   struct tls_config *client, const char *name) {
  struct tls_end *a = &wire->server, *b = &wire->client;
  *a = *b = (struct tls_end){0};
  a->memory = memory_transport_new();
  b->memory = memory_transport_new();
  if (!a->memory || !b->memory) {
    if (a->memory) begin(a, NULL);
    if (b->memory) begin(b, NULL);
    return false;
  }
  bool is_good =
      begin(a, tls_server_wrap(server, memory_transport_face(a->memory)));
  return begin(b, tls_wrap(client, memory_transport_face(b->memory), name)) &&
         is_good;
}

bool tls_end_open(struct tls_end *end, struct tls_config *client) {
  *end = (struct tls_end){.memory = memory_transport_new()};
  return begin(
      end, tls_wrap(client, memory_transport_face(end->memory), "localhost"));
}

/* False when there was nothing to move. */
static bool move(struct tls_wire *wire, struct tls_end *from,
                 struct tls_end *to) {
  uint8_t bytes[4096];
  if (!from->transport || !to->transport) return false;
  const struct buffer *out = memory_received(from->memory);
  size_t length = out->length;
  size_t most = wire->cut ? wire->cut : sizeof bytes;
  if (length == 0) return false;
  if (length > most) length = most;
  memcpy(bytes, out->bytes, length);
  memory_take(from->memory, length);
  if (wire->spoil) wire->spoil(bytes, length, from == &wire->client);
  if (!memory_send(to->memory, bytes, length)) {
    memory_break(to->memory, -ENOMEM); /* without memory nothing gets lost */
  }
  return true;
}

static void move_fin(struct tls_end *from, struct tls_end *to) {
  if (!from->transport || !to->transport) return;
  if (memory_received(from->memory)->length > 0) return;
  if (memory_is_shut_down(from->memory)) memory_send_fin(to->memory);
}

static void turn(struct tls_end *end) {
  if (end->transport) memory_run(end->memory);
}

void tls_wire_run(struct tls_wire *wire) {
  bool has_moved = true;
  for (int idle = 0; idle < 3; idle = has_moved ? 0 : idle + 1) {
    has_moved = move(wire, &wire->client, &wire->server);
    move_fin(&wire->client, &wire->server);
    turn(&wire->server);
    has_moved |= move(wire, &wire->server, &wire->client);
    move_fin(&wire->server, &wire->client);
    turn(&wire->client);
  }
}

void tls_end_close(struct tls_end *end) {
  buffer_free(&end->got);
  if (!end->transport) return;
  end->transport->ops->close(end->transport);
  memory_run(end->memory);
  CHECK_EQ(end->closed, 1);
}

void tls_wire_close(struct tls_wire *wire) {
  tls_end_close(&wire->server);
  tls_end_close(&wire->client);
}

void tls_end_send(struct tls_end *end, const void *bytes, size_t length) {
  struct transport *transport = end->transport;
  struct slice piece = {bytes, length};
  ssize_t sent = transport->ops->try_write(transport, &piece, 1);
  if (sent < 0) {
    end->error = (int)sent;
    return;
  }
  if ((size_t)sent == length) return;
  piece.at += sent;
  piece.length -= (size_t)sent;
  int error = transport->ops->write(transport, &piece, 1);
  if (error) end->error = error;
}
