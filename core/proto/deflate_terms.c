#include "deflate_terms.h"

#include "extension.h"

#include <stdio.h>

#define NAME "permessage-deflate"

const struct deflate_settings deflate_settings_default = {
    .level = 1,
    .window_bits = 15,
    .memory_level = 8,
    .threshold = 128,
};

static const struct deflate_terms no_terms = {
    .server = {.window_bits = DEFLATE_BITS_MAX},
    .client = {.window_bits = DEFLATE_BITS_MAX},
};

static bool set_fresh(struct deflate_side *side, struct slice value) {
  if (side->is_fresh || value.at) return false;
  side->is_fresh = true;
  return true;
}

static bool set_bits(struct deflate_side *side, struct slice value,
                     bool needs_value) {
  if (side->is_named || (needs_value && !value.at)) return false;
  side->is_named = true;
  if (!value.at) return true;
  int bits = extension_number(value);
  if (bits < 8 || bits > DEFLATE_BITS_MAX) return false;
  side->window_bits = (uint8_t)bits;
  return true;
}

/* Names of parameters are compared as they are written: RFC 7692 has them in
 * lower case, and nobody writes them otherwise. */
static bool set_parameter(struct deflate_terms *terms,
                          const struct extension_parameter *parameter,
                          bool is_answer) {
  struct slice name = parameter->name, value = parameter->value;
  if (slice_equals(name, SLICE("server_no_context_takeover"))) {
    return set_fresh(&terms->server, value);
  }
  if (slice_equals(name, SLICE("client_no_context_takeover"))) {
    return set_fresh(&terms->client, value);
  }
  if (slice_equals(name, SLICE("server_max_window_bits"))) {
    return set_bits(&terms->server, value, true);
  }
  if (slice_equals(name, SLICE("client_max_window_bits"))) {
    return set_bits(&terms->client, value, is_answer);
  }
  return false;
}

static bool is_deflate(const struct extension *extension) {
  return slice_equals(extension->name, SLICE(NAME));
}

static bool read_terms(struct extension *extension, bool is_answer,
                       struct deflate_terms *terms) {
  struct extension_parameter parameter;
  *terms = no_terms;
  while (extension->parameters.at) {
    if (!extension_take_parameter(extension, &parameter) ||
        !set_parameter(terms, &parameter, is_answer)) {
      return false;
    }
  }
  return true;
}

static uint8_t lesser(uint8_t a, uint8_t b) {
  return a < b ? a : b;
}

/* RFC 7692 7.1.1 and 7.1.2: what the offer has must be kept; contexts may be
 * given up, and our own window made smaller, without having been asked; the
 * client's window only where it said that it can. */
static bool meet(const struct deflate_terms *offer,
                 const struct deflate_settings *settings,
                 struct deflate_terms *terms) {
  struct deflate_side *server = &terms->server, *client = &terms->client;
  if (offer->server.window_bits < DEFLATE_BITS_MIN) return false;
  *terms = *offer;
  server->is_fresh |= !settings->keeps_server_context;
  client->is_fresh |= !settings->keeps_client_context;
  server->window_bits = lesser(server->window_bits, settings->window_bits);
  server->is_named |= server->window_bits < DEFLATE_BITS_MAX;
  if (client->is_named && !client->is_fresh) {
    client->window_bits = lesser(client->window_bits, settings->window_bits);
  }
  client->is_named = client->window_bits < DEFLATE_BITS_MAX;
  return true;
}

bool deflate_accept(const struct http_head *head,
                    const struct deflate_settings *settings,
                    struct deflate_terms *terms) {
  struct extension extension;
  struct deflate_terms offer;
  if (!settings->is_wanted) return false;
  for (size_t n = 0;; n++) {
    struct slice rest = http_head_get(head, "sec-websocket-extensions", n);
    if (!rest.at) return false;
    while (rest.at) {
      if (extension_take(&rest, &extension) && is_deflate(&extension) &&
          read_terms(&extension, false, &offer) &&
          meet(&offer, settings, terms)) {
        return true;
      }
    }
  }
}

struct deflate_terms deflate_offer(const struct deflate_settings *settings) {
  struct deflate_terms offer = no_terms;
  offer.client.is_fresh = !settings->keeps_client_context;
  offer.client.is_named = true;
  offer.client.window_bits = settings->window_bits;
  offer.server.is_fresh = !settings->keeps_server_context;
  if (!settings->keeps_server_context) return offer;
  offer.server.window_bits = settings->window_bits;
  offer.server.is_named = settings->window_bits < DEFLATE_BITS_MAX;
  return offer;
}

/* Is it an answer to that offer (RFC 7692 7.1)? */
static bool is_kept(const struct deflate_terms *offer,
                    const struct deflate_terms *terms) {
  if (offer->server.is_fresh && !terms->server.is_fresh) return false;
  if (offer->server.is_named && !terms->server.is_named) return false;
  if (terms->server.window_bits > offer->server.window_bits) return false;
  if (!terms->client.is_named) return true;
  return offer->client.is_named &&
         terms->client.window_bits <= offer->client.window_bits;
}

static int fail(const char **reason, const char *why) {
  *reason = why;
  return -1;
}

static int read_item(struct slice *rest, const struct deflate_terms *offer,
                     struct deflate_terms *terms, const char **reason) {
  struct extension extension;
  if (!extension_take(rest, &extension)) {
    return fail(reason, "The 101's Sec-WebSocket-Extensions is malformed.");
  }
  if (!is_deflate(&extension)) {
    return fail(reason, "The 101 has an extension that was not asked for.");
  }
  if (!read_terms(&extension, true, terms)) {
    return fail(reason, "The 101's permessage-deflate has an unknown, "
                        "repeated or bad parameter.");
  }
  if (is_kept(offer, terms)) return 1;
  return fail(reason, "The 101's permessage-deflate is not what was asked "
                      "for.");
}

/* Without a window of its own in the answer, the client keeps to what it has
 * offered. */
int deflate_read_answer(const struct http_head *head,
                        const struct deflate_terms *offer,
                        struct deflate_terms *terms, const char **reason) {
  int found = 0;
  for (size_t n = 0;; n++) {
    struct slice rest = http_head_get(head, "sec-websocket-extensions", n);
    if (!rest.at) break;
    while (rest.at && rest.length > 0) {
      if (found) {
        return fail(reason, "The 101 has an extension twice.");
      }
      found = read_item(&rest, offer, terms, reason);
      if (found < 0) return found;
    }
  }
  if (!found) return 0;
  terms->client.is_fresh |= offer->client.is_fresh;
  terms->client.window_bits =
      lesser(terms->client.window_bits, offer->client.window_bits);
  return 1;
}

static size_t write_bits(char *text, size_t room, const char *name,
                         const struct deflate_side *side, bool has_value) {
  if (!side->is_named) return 0;
  if (!has_value) return (size_t)snprintf(text, room, "; %s", name);
  return (size_t)snprintf(text, room, "; %s=%d", name, side->window_bits);
}

static size_t write(const struct deflate_terms *terms, bool is_offer,
                    char text[DEFLATE_TERMS_MAX]) {
  const struct deflate_side *server = &terms->server, *client = &terms->client;
  size_t length =
      (size_t)snprintf(text, DEFLATE_TERMS_MAX, NAME "%s%s",
                       server->is_fresh ? "; server_no_context_takeover" : "",
                       client->is_fresh ? "; client_no_context_takeover" : "");
  length += write_bits(text + length, DEFLATE_TERMS_MAX - length,
                       "server_max_window_bits", server, true);
  bool has_value = !is_offer || client->window_bits < DEFLATE_BITS_MAX;
  return length + write_bits(text + length, DEFLATE_TERMS_MAX - length,
                             "client_max_window_bits", client, has_value);
}

size_t deflate_write_terms(const struct deflate_terms *terms,
                           char text[DEFLATE_TERMS_MAX]) {
  return write(terms, false, text);
}

size_t deflate_write_offer(const struct deflate_terms *offer,
                           char text[DEFLATE_TERMS_MAX]) {
  return write(offer, true, text);
}
