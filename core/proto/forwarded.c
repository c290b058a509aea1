#include "forwarded.h"

#include "http_bytes.h"

/* The items of all headers of one name, from the last to the first. */
struct items {
  const struct http_head *head;
  struct slice name, rest;
  size_t at;       /* headers before this one have not been looked at */
  bool has_quotes; /* a comma between quotes separates nothing */
};

static struct items items_of(const struct http_head *head, const char *name,
                             bool has_quotes) {
  return (struct items){.head = head,
                        .name = slice_of(name),
                        .at = head->count,
                        .has_quotes = has_quotes};
}

/* Where the last item of the text begins. Quotes are counted from the right,
 * where the trusted proxy wrote: one that the client left open on its side
 * cannot swallow what was added behind it. */
static size_t last_start(struct slice text, bool has_quotes) {
  bool is_quoted = false;
  size_t at = text.length;
  for (; at > 0; at--) {
    char c = text.at[at - 1];
    if (c == '"') is_quoted = !is_quoted;
    if (c == ',' && !(is_quoted && has_quotes)) break;
  }
  return at;
}

static bool next_header(struct items *items) {
  while (items->at > 0) {
    const struct http_header *header = &items->head->headers[--items->at];
    if (!slice_equals_nocase(header->name, items->name)) continue;
    items->rest = header->value;
    return true;
  }
  return false;
}

/* False when there is no more. */
static bool next_item(struct items *items, struct slice *item) {
  if (!items->rest.at && !next_header(items)) return false;
  struct slice text = items->rest;
  size_t start = last_start(text, items->has_quotes);
  *item = slice_trim((struct slice){text.at + start, text.length - start});
  items->rest =
      start > 0 ? (struct slice){text.at, start - 1} : (struct slice){NULL, 0};
  return true;
}

/* ---- addresses with a port */

static bool read_port(struct slice text, uint16_t *port) {
  uint64_t value;
  if (!slice_number(text, 5, &value)) return false;
  *port = (uint16_t)value;
  return value <= UINT16_MAX;
}

/* `rest` is what follows the address: nothing, or a colon and the port. One
 * that is hidden ("_x", RFC 7239 6.3) is none. */
static bool read_port_behind(struct slice rest, struct address *address) {
  if (rest.length == 0) return true;
  if (rest.at[0] != ':') return false;
  struct slice port = {rest.at + 1, rest.length - 1};
  if (port.length > 1 && port.at[0] == '_') return true;
  return read_port(port, &address->port);
}

/* "192.0.2.1", "192.0.2.1:80", "[::1]", "[::1]:80", "::1". */
static bool read_node(struct slice text, struct address *address) {
  struct slice rest = text, host;
  if (address_parse(text, address)) return true;
  if (text.length > 0 && text.at[0] == '[') {
    rest = (struct slice){text.at + 1, text.length - 1};
    host = slice_cut(&rest, ']');
    return rest.at && memchr(host.at, ':', host.length) &&
           address_parse(host, address) && read_port_behind(rest, address);
  }
  host = slice_cut(&rest, ':');
  if (!rest.at || !address_parse(host, address)) return false;
  return read_port_behind((struct slice){rest.at - 1, rest.length + 1},
                          address);
}

/* ---- Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]:4711" */

struct element {
  struct slice node, proto; /* at == NULL: not there */
};

/* Takes the quotes off. A backslash in them is nothing that an address or a
 * scheme needs, and is refused. */
static bool read_value(struct slice text, struct slice *value) {
  *value = text;
  if (text.length < 2 || text.at[0] != '"') return http_is_token(text);
  if (text.at[text.length - 1] != '"') return false;
  *value = (struct slice){text.at + 1, text.length - 2};
  for (size_t i = 0; i < value->length; i++) {
    char c = value->at[i];
    if (c == '"' || c == '\\') return false;
  }
  return true;
}

/* Each parameter once at most: RFC 7239 4. */
static bool read_pair(struct slice text, struct element *element) {
  struct slice value, rest = text;
  struct slice name = slice_cut(&rest, '=');
  if (!rest.at || !http_is_token(name) || !read_value(rest, &value)) {
    return false;
  }
  struct slice *known = NULL;
  if (slice_equals_nocase(name, SLICE("for"))) known = &element->node;
  if (slice_equals_nocase(name, SLICE("proto"))) known = &element->proto;
  if (!known) return true;
  if (known->at) return false;
  *known = value;
  return true;
}

/* As slice_cut at a semicolon, except between quotes. */
static struct slice cut_pair(struct slice *rest) {
  bool is_quoted = false;
  for (size_t i = 0; i < rest->length; i++) {
    if (rest->at[i] == '"') is_quoted = !is_quoted;
    if (rest->at[i] != ';' || is_quoted) continue;
    struct slice pair = {rest->at, i};
    *rest = (struct slice){rest->at + i + 1, rest->length - i - 1};
    return pair;
  }
  struct slice pair = *rest;
  *rest = (struct slice){NULL, 0};
  return pair;
}

static bool read_element(struct slice text, struct element *element) {
  *element = (struct element){0};
  while (text.at) {
    struct slice pair = slice_trim(cut_pair(&text));
    if (pair.length > 0 && !read_pair(pair, element)) return false;
  }
  return true;
}

static bool means_secure(struct slice scheme) {
  return slice_equals_nocase(scheme, SLICE("https")) ||
         slice_equals_nocase(scheme, SLICE("wss"));
}

static void read_forwarded(const struct http_head *head,
                           const struct networks *trusted,
                           struct forwarded *result) {
  struct items items = items_of(head, "Forwarded", true);
  struct slice text;
  struct element element;
  struct address address;
  while (networks_have(trusted, &result->client) && next_item(&items, &text)) {
    if (!read_element(text, &element)) return;
    if (element.proto.at) result->is_secure = means_secure(element.proto);
    if (!element.node.at || !read_node(element.node, &address)) return;
    result->client = address;
  }
}

/* ---- X-Forwarded-For: 203.0.113.7, 10.0.0.2 */

/* The n-th from the right, or the leftmost when there are fewer: a proxy may
 * add to the list, or write the scheme of its own client in its place. */
static bool is_secure_before(const struct http_head *head, size_t proxies) {
  struct items items = items_of(head, "X-Forwarded-Proto", false);
  struct slice scheme = SLICE(""), text;
  for (size_t i = 0; i < proxies && next_item(&items, &text); i++) {
    scheme = text;
  }
  return means_secure(scheme);
}

static void read_x_forwarded(const struct http_head *head,
                             const struct networks *trusted,
                             struct forwarded *result) {
  struct items items = items_of(head, "X-Forwarded-For", false);
  struct slice text;
  struct address address;
  size_t proxies = 0;
  while (networks_have(trusted, &result->client) && next_item(&items, &text)) {
    if (!read_node(text, &address)) break;
    result->client = address;
    proxies++;
  }
  result->is_secure = is_secure_before(head, proxies ? proxies : 1);
}

static bool has(const struct http_head *head, const char *name) {
  return http_head_get(head, name, 0).at != NULL;
}

bool forwarded_read(const struct http_head *head,
                    const struct networks *trusted, struct address peer,
                    struct forwarded *result) {
  struct forwarded other = {.client = peer};
  *result = other;
  if (!networks_have(trusted, &peer)) return true;
  read_x_forwarded(head, trusted, &other);
  if (!has(head, "Forwarded")) {
    *result = other;
    return true;
  }
  read_forwarded(head, trusted, result);
  if (has(head, "X-Forwarded-For") &&
      !address_equals(&result->client, &other.client)) {
    *result = (struct forwarded){.client = peer};
    return false;
  }
  if (has(head, "X-Forwarded-Proto")) result->is_secure &= other.is_secure;
  return true;
}
