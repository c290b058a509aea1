/*
 * fuzz_extension - any value of Sec-WebSocket-Extensions, as an offer and as an
 * answer, against a second, slower reading of it.
 *
 * Input: bytes 0 and 1 are the settings of a server and of a client, the rest
 * is the header's value; each LF begins another line of it. The process ends
 * when the two readings differ, when what is agreed on is more than was
 * offered, or when terms that were written are not those that are read.
 */
#include "proto/deflate_terms.h"
#include "proto/extension.h"

#include <stdlib.h>
#include <string.h>

static void expect(bool is_so) {
  if (!is_so) abort();
}

/* ---- the header */

static struct http_head head_of(struct slice text) {
  struct http_head head = {0};
  while (text.at && head.count < HTTP_MAX_HEADERS) {
    struct slice line = slice_trim(slice_cut(&text, '\n'));
    head.headers[head.count++] =
        (struct http_header){SLICE("Sec-WebSocket-Extensions"), line};
  }
  return head;
}

static struct deflate_settings settings_of(uint8_t byte) {
  struct deflate_settings settings = deflate_settings_default;
  settings.is_wanted = true;
  settings.keeps_server_context = byte & 1;
  settings.keeps_client_context = byte & 2;
  settings.window_bits = (uint8_t)(DEFLATE_BITS_MIN + (byte >> 2) % 7);
  return settings;
}

/* ---- the second reading: by the letters of RFC 7692, with counters */

struct reading {
  int server_fresh, client_fresh, server_named, client_named; /* how often */
  int server_bits, client_bits; /* 0: the name stands alone */
  bool is_bad;
};

static bool is_token(const char *text) {
  if (!*text) return false;
  for (; *text; text++) {
    if (*text <= ' ' || *text >= 127) return false;
    if (strchr("()<>@,;:\\\"/[]?={}", *text)) return false;
  }
  return true;
}

static char *trim(char *text) {
  while (*text == ' ' || *text == '\t') text++;
  size_t length = strlen(text);
  while (length > 0 && strchr(" \t", text[length - 1])) text[--length] = 0;
  return text;
}

/* Takes quotes and backslashes off; false when they are wrong. */
static bool unquote(char *text) {
  char *to = text, *from = text + 1;
  size_t length = strlen(text);
  if (text[0] != '"') return true;
  if (length < 2 || text[length - 1] != '"') return false;
  text[length - 1] = 0;
  while (*from) {
    if (*from == '\\' && !*++from) return false;
    *to++ = *from++;
  }
  *to = 0;
  return true;
}

static int bits_of(const char *value) {
  static const char *const numbers[] = {"8",  "9",  "10", "11",
                                        "12", "13", "14", "15"};
  for (int i = 0; i < 8; i++) {
    if (strcmp(value, numbers[i]) == 0) return 8 + i;
  }
  return -1;
}

static void read_parameter(struct reading *reading, char *text,
                           bool is_answer) {
  char *value = strchr(text, '=');
  if (value) *value++ = 0;
  const char *name = trim(text);
  if (value) value = trim(value);
  if (!is_token(name)) reading->is_bad = true;
  if (value && (!unquote(value) || !is_token(value))) reading->is_bad = true;
  if (reading->is_bad) return;
  int bits = value ? bits_of(value) : 0;
  bool is_plain = !value;
  if (strcmp(name, "server_no_context_takeover") == 0) {
    reading->server_fresh++;
  } else if (strcmp(name, "client_no_context_takeover") == 0) {
    reading->client_fresh++;
  } else if (strcmp(name, "server_max_window_bits") == 0) {
    reading->server_named++;
    reading->server_bits = bits;
    is_plain = bits > 0;
  } else if (strcmp(name, "client_max_window_bits") == 0) {
    reading->client_named++;
    reading->client_bits = bits;
    is_plain = is_answer ? bits > 0 : bits >= 0;
  } else {
    reading->is_bad = true;
  }
  if (!is_plain) reading->is_bad = true;
}

/* False when it is another extension, or none. */
static bool read_item(struct reading *reading, char *text, bool is_answer) {
  *reading = (struct reading){0};
  char *rest = strchr(text, ';');
  if (rest) *rest++ = 0;
  if (strcmp(trim(text), "permessage-deflate") != 0) return false;
  while (rest && !reading->is_bad) {
    char *next = strchr(rest, ';');
    if (next) *next++ = 0;
    read_parameter(reading, rest, is_answer);
    rest = next;
  }
  if (reading->server_fresh > 1 || reading->client_fresh > 1 ||
      reading->server_named > 1 || reading->client_named > 1) {
    reading->is_bad = true;
  }
  return true;
}

/* ---- what holds of terms */

static int of_side(const struct deflate_side *side) {
  return side->window_bits * 4 + side->is_fresh * 2 + side->is_named;
}

static bool are_same(const struct deflate_terms *a,
                     const struct deflate_terms *b) {
  return of_side(&a->server) == of_side(&b->server) &&
         of_side(&a->client) == of_side(&b->client);
}

/* Is that what the server may answer (RFC 7692 7.1)? */
static void check_accepted(const struct reading *offer,
                           const struct deflate_settings *settings,
                           const struct deflate_terms *terms) {
  const struct deflate_side *server = &terms->server, *client = &terms->client;
  expect(server->window_bits >= 9 && server->window_bits <= 15);
  expect(client->window_bits >= 8 && client->window_bits <= 15);
  expect(server->window_bits <= settings->window_bits);
  if (offer->server_named) {
    expect(server->is_named && server->window_bits <= offer->server_bits);
  }
  if (client->is_named) expect(offer->client_named);
  if (offer->client_bits) expect(client->window_bits <= offer->client_bits);
  if (offer->server_fresh) expect(server->is_fresh);
  if (!settings->keeps_server_context) expect(server->is_fresh);
  if (!settings->keeps_client_context) expect(client->is_fresh);
}

/* The first that can be met, or none. */
static void check_accept(struct slice text,
                         const struct deflate_settings *settings,
                         const struct deflate_terms *terms) {
  struct http_head head = head_of(text);
  struct reading reading;
  for (size_t i = 0; i < head.count; i++) {
    struct slice value = head.headers[i].value;
    while (value.at) {
      struct slice item = slice_cut(&value, ',');
      char *copy = strndup(item.at, item.length);
      bool is_met = copy && read_item(&reading, copy, false) &&
                    !reading.is_bad &&
                    !(reading.server_named && reading.server_bits == 8);
      free(copy);
      if (!is_met) continue;
      expect(terms != NULL);
      check_accepted(&reading, settings, terms);
      return;
    }
  }
  expect(terms == NULL);
}

static struct deflate_terms reread(const struct deflate_terms *terms) {
  static const struct deflate_terms anything = {
      .server = {.window_bits = 15},
      .client = {.window_bits = 15, .is_named = true},
  };
  char text[DEFLATE_TERMS_MAX];
  const char *reason;
  struct deflate_terms again;
  size_t length = deflate_write_terms(terms, text);
  expect(length < sizeof text && length == strlen(text));
  struct http_head head = head_of((struct slice){text, length});
  expect(deflate_read_answer(&head, &anything, &again, &reason) == 1);
  return again;
}

/* ---- the two roles */

static void be_server(struct slice text,
                      const struct deflate_settings *settings) {
  struct http_head head = head_of(text);
  struct deflate_terms terms;
  bool is_met = deflate_accept(&head, settings, &terms);
  check_accept(text, settings, is_met ? &terms : NULL);
  if (!is_met) return;
  struct deflate_terms again = reread(&terms);
  expect(are_same(&terms, &again));
}

static void be_client(struct slice text,
                      const struct deflate_settings *settings) {
  struct http_head head = head_of(text);
  struct deflate_terms offer = deflate_offer(settings), terms;
  const char *reason = NULL;
  struct reading reading;
  int result = deflate_read_answer(&head, &offer, &terms, &reason);
  expect(result >= -1 && result <= 1 && (result < 0) == (reason != NULL));
  if (result < 1) return;

  size_t n = 0; /* one line has it; the others are empty */
  while (head.headers[n].value.length == 0) n++;
  struct slice value = head.headers[n].value;
  struct slice item = slice_cut(&value, ',');
  char *copy = strndup(item.at, item.length);
  expect(copy && read_item(&reading, copy, true) && !reading.is_bad);
  free(copy);
  if (offer.server.is_fresh) expect(reading.server_fresh);
  if (offer.client.is_fresh) expect(terms.client.is_fresh);
  expect(terms.server.is_fresh == (reading.server_fresh > 0));
  expect(terms.server.window_bits <= offer.server.window_bits);
  expect(terms.client.window_bits <= offer.client.window_bits);
  expect(terms.server.window_bits >= 8 && terms.client.window_bits >= 8);
  struct deflate_terms again = reread(&terms);
  if (!terms.client.is_named)
    again.client.window_bits = terms.client.window_bits;
  expect(are_same(&terms, &again));
}

/* Whatever each of ours wants, the two agree, and mean the same. */
static void meet(const struct deflate_settings *server,
                 const struct deflate_settings *client) {
  char text[DEFLATE_TERMS_MAX];
  const char *reason;
  struct deflate_terms offer = deflate_offer(client), ours, theirs;
  struct slice value = {text, deflate_write_offer(&offer, text)};
  struct http_head head = head_of(value);
  expect(deflate_accept(&head, server, &ours));
  value.length = deflate_write_terms(&ours, text);
  head = head_of(value);
  expect(deflate_read_answer(&head, &offer, &theirs, &reason) == 1);
  expect(ours.server.window_bits == theirs.server.window_bits);
  expect(ours.server.is_fresh == theirs.server.is_fresh);
  expect(theirs.client.window_bits <= ours.client.window_bits);
  expect(theirs.client.is_fresh >= ours.client.is_fresh);
}

/* ---- the list itself: what was taken, written again, is taken again */

static void check_list(struct slice rest) {
  while (rest.at) {
    struct slice before = rest;
    struct extension extension;
    struct extension_parameter parameter;
    if (!extension_take(&rest, &extension)) continue;
    expect(extension.name.at >= before.at);
    while (extension.parameters.at) {
      if (!extension_take_parameter(&extension, &parameter)) break;
      expect(parameter.name.length > 0);
      expect(parameter.name.at + parameter.name.length <=
             before.at + before.length);
      if (!parameter.value.at) continue;
      expect(parameter.value.length > 0);
      int number = extension_number(parameter.value);
      expect(number >= -1 && number <= 9999);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3 || memchr(data + 2, 0, size - 2)) return 0; /* as http_scan */
  struct deflate_settings server = settings_of(data[0]);
  struct deflate_settings client = settings_of(data[1]);
  struct slice text = {(const char *)data + 2, size - 2};
  be_server(text, &server);
  be_client(text, &client);
  meet(&server, &client);
  check_list(text);
  return 0;
}
