/*
 * http_head - the second pass of http_head.h. llhttp takes a clean, complete
 * head apart, names the parts, and knows about connections that stay open; it
 * does not ask for a Host, nor whether a target is one, and two lengths that
 * agree are fine by it. That is judged here. Nothing is copied.
 */
#include "http_head.h"

#include "http_bytes.h"

#include <llhttp.h>

/* What llhttp's callbacks fill. */
struct parse {
  struct http_head *head;
  bool is_name; /* the last piece was of a header's name */
  bool is_whole;
};

/* llhttp may hand out one part in several pieces, each where the one before
 * ended or, after white space, a little later. */
static void extend(struct slice *part, const char *at, size_t length) {
  if (!part->at) part->at = at;
  part->length = (size_t)(at - part->at) + length;
}

static int on_method(llhttp_t *parser, const char *at, size_t length) {
  struct parse *parse = parser->data;

  extend(&parse->head->method, at, length);
  return 0;
}

static int on_target(llhttp_t *parser, const char *at, size_t length) {
  struct parse *parse = parser->data;

  extend(&parse->head->target, at, length);
  return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t length) {
  struct parse *parse = parser->data;
  struct http_head *head = parse->head;

  if (!parse->is_name) {
    if (head->count == HTTP_MAX_HEADERS) return -1;
    head->headers[head->count++] = (struct http_header){0};
    parse->is_name = true;
  }
  extend(&head->headers[head->count - 1].name, at, length);
  return 0;
}

static int on_name_complete(llhttp_t *parser) {
  struct parse *parse = parser->data;

  parse->is_name = false;
  return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length) {
  struct parse *parse = parser->data;

  extend(&parse->head->headers[parse->head->count - 1].value, at, length);
  return 0;
}

/* Pauses: a body, or what follows an upgrade, is not for this parser. */
static int on_headers_complete(llhttp_t *parser) {
  struct parse *parse = parser->data;

  parse->is_whole = true;
  parse->head->keep_alive = llhttp_should_keep_alive(parser);
  parse->head->major = parser->http_major;
  parse->head->minor = parser->http_minor;
  return HPE_PAUSED;
}

static const llhttp_settings_t SETTINGS = {
    .on_method = on_method,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

static bool reject(struct refusal *refusal, int status, const char *reason) {
  *refusal = (struct refusal){status, reason};
  return false;
}

static bool explain(llhttp_errno_t error, struct refusal *refusal) {
  switch (error) {
  case HPE_INVALID_METHOD:
    return reject(refusal, 501, "The method is not known to this server.");
  case HPE_INVALID_VERSION:
  case HPE_PAUSED_H2_UPGRADE:
    return reject(refusal, 505, "The HTTP version is neither 1.0 nor 1.1.");
  case HPE_INVALID_URL:
    return reject(refusal, 400, "The request target is malformed.");
  case HPE_INVALID_CONTENT_LENGTH:
    return reject(refusal, 400, "Content-Length is not a number.");
  case HPE_UNEXPECTED_CONTENT_LENGTH:
    return reject(refusal, 400,
                  "Content-Length is repeated, or stands beside "
                  "Transfer-Encoding.");
  case HPE_INVALID_TRANSFER_ENCODING:
    return reject(refusal, 400, "Transfer-Encoding is malformed.");
  default: return reject(refusal, 400, "The request head is malformed.");
  }
}

static bool take_apart(struct http_head *head, const char *bytes, size_t length,
                       struct refusal *refusal) {
  struct parse parse = {.head = head};
  llhttp_t parser;

  llhttp_init(&parser, HTTP_REQUEST, &SETTINGS);
  parser.data = &parse;
  llhttp_errno_t error = llhttp_execute(&parser, bytes, length);
  if (error != HPE_PAUSED || !parse.is_whole) return explain(error, refusal);

  for (size_t i = 0; i < head->count; i++) {
    struct http_header *header = &head->headers[i];
    header->value = slice_trim(header->value);
    if (!header->value.at) header->value.at = header->name.at;
  }
  return true;
}

static size_t count_headers(const struct http_head *head, const char *name) {
  size_t count = 0;

  while (http_head_get(head, name, count).at) count++;
  return count;
}

static bool is_hex(uint8_t byte) {
  return http_is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 6;
}

/* A port, with its colon, or nothing. */
static bool is_port(struct slice text) {
  uint32_t port = 0;

  if (text.length == 0) return true;
  if (text.at[0] != ':' || text.length > 6) return false;
  for (size_t i = 1; i < text.length; i++) {
    if (!http_is_digit((uint8_t)text.at[i])) return false;
    port = port * 10 + (uint32_t)(text.at[i] - '0');
  }
  return port <= 0xFFFF;
}

/* An IPv6 address in brackets is not taken apart further: nobody resolves it,
 * it is only compared. */
static size_t bracketed_size(struct slice text) {
  size_t i = 1;

  while (i < text.length && (is_hex((uint8_t)text.at[i]) ||
                             http_is_one_of((uint8_t)text.at[i], ":."))) {
    i++;
  }
  return i > 2 && i < text.length && text.at[i] == ']' ? i + 1 : 0;
}

/* A registered name or an IPv4 address (RFC 3986 3.2.2). */
static size_t name_size(struct slice text) {
  size_t i = 0;

  for (; i < text.length; i++) {
    uint8_t byte = (uint8_t)text.at[i];
    if (http_is_letter(byte) || http_is_digit(byte)) continue;
    if (http_is_one_of(byte, "-._~!$&'()*+,;=")) continue;
    if (byte != '%' || text.length - i < 3) break;
    if (!is_hex((uint8_t)text.at[i + 1])) break;
    if (!is_hex((uint8_t)text.at[i + 2])) break;
    i += 2;
  }
  return i;
}

static bool is_host(struct slice text) {
  if (text.length == 0) return false;

  size_t size = text.at[0] == '[' ? bracketed_size(text) : name_size(text);
  struct slice port = {text.at + size, text.length - size};
  return size > 0 && is_port(port);
}

static bool check_host(const struct http_head *head, struct refusal *refusal) {
  size_t count = count_headers(head, "host");

  if (count == 0 && head->minor == 0) return true;
  if (count == 0) return reject(refusal, 400, "There is no Host header.");
  if (count > 1) return reject(refusal, 400, "Host is given more than once.");

  struct slice host = http_head_get(head, "host", 0);
  if (host.length == 0 || is_host(host)) return true;
  return reject(refusal, 400, "Host is malformed.");
}

/* scheme "://" host, then a path, a query or nothing. */
static bool is_absolute(struct slice target) {
  size_t i = 0;

  if (target.length == 0 || !http_is_letter((uint8_t)target.at[0]))
    return false;
  while (i < target.length && (http_is_letter((uint8_t)target.at[i]) ||
                               http_is_digit((uint8_t)target.at[i]) ||
                               http_is_one_of((uint8_t)target.at[i], "+-."))) {
    i++;
  }
  if (target.length - i < 3 || memcmp(target.at + i, "://", 3) != 0) {
    return false;
  }

  struct slice host = {target.at + i + 3, 0};
  size_t left = target.length - i - 3;
  while (host.length < left &&
         !http_is_one_of((uint8_t)host.at[host.length], "/?")) {
    host.length++;
  }
  return is_host(host);
}

static bool check_target(const struct http_head *head,
                         struct refusal *refusal) {
  struct slice target = head->target;

  if (target.length > 0 && target.at[0] == '/') return true;
  if (slice_equals(target, SLICE("*")) &&
      slice_equals(head->method, SLICE("OPTIONS"))) {
    return true;
  }
  if (is_absolute(target)) return true;
  return reject(refusal, 400,
                "The request target is neither a path nor an absolute URI.");
}

/* Refuses repeated lengths even when they agree: RFC 9112 6.3 would allow them,
 * no client sends them, and servers have disagreed about them. */
static bool check_length(struct http_head *head, struct refusal *refusal) {
  size_t count = count_headers(head, "content-length");
  struct slice text = http_head_get(head, "content-length", 0);

  if (count == 0) return true;
  if (count > 1) return reject(refusal, 400, "Content-Length is repeated.");
  if (text.length == 0 || text.length > 18) {
    return reject(refusal, 400, "Content-Length is empty or too large.");
  }
  for (size_t i = 0; i < text.length; i++) {
    if (!http_is_digit((uint8_t)text.at[i])) {
      return reject(refusal, 400, "Content-Length is not a number.");
    }
    head->length = head->length * 10 + (uint64_t)(text.at[i] - '0');
  }
  head->has_length = true;
  return true;
}

/* The codings of all lines, in their order. */
struct codings {
  size_t chunked, unknown;
  bool ends_in_chunked;
};

static bool take_codings(struct slice rest, struct codings *codings) {
  while (rest.at) {
    struct slice coding = slice_trim(slice_cut(&rest, ','));
    if (!http_is_token(coding)) return false;
    codings->ends_in_chunked = slice_equals_nocase(coding, SLICE("chunked"));
    if (codings->ends_in_chunked)
      codings->chunked++;
    else
      codings->unknown++;
  }
  return true;
}

/* Exactly one "chunked" is understood. Where another coding is the last, nobody
 * can say where the body ends: RFC 9112 6.3 wants 400 for that. */
static bool check_codings(const struct http_head *head,
                          struct refusal *refusal) {
  struct codings codings = {0};
  for (size_t n = 0;; n++) {
    struct slice line = http_head_get(head, "transfer-encoding", n);
    if (!line.at) break;
    if (!take_codings(line, &codings)) {
      return reject(refusal, 400, "Transfer-Encoding is malformed.");
    }
  }
  if (!codings.ends_in_chunked) {
    return reject(refusal, 400, "Transfer-Encoding does not end in chunked.");
  }
  if (codings.chunked > 1) {
    return reject(refusal, 400, "Transfer-Encoding says chunked twice.");
  }
  if (codings.unknown == 0) return true;
  return reject(refusal, 501, "The transfer coding is not chunked.");
}

/* Where does the body end (RFC 9112 6.3)? Two answers are as bad as none. */
static bool check_body(struct http_head *head, struct refusal *refusal) {
  if (!check_length(head, refusal)) return false;
  if (!http_head_get(head, "transfer-encoding", 0).at) return true;

  if (head->has_length) {
    return reject(refusal, 400,
                  "Both Content-Length and Transfer-Encoding "
                  "are given.");
  }
  if (head->minor == 0) {
    return reject(refusal, 400, "Transfer-Encoding in an HTTP/1.0 request.");
  }
  head->chunked = true;
  return check_codings(head, refusal);
}

bool http_head_parse(struct http_head *head, const char *bytes, size_t length,
                     struct refusal *refusal) {
  *refusal = (struct refusal){0, NULL};
  memset(head, 0, offsetof(struct http_head, headers));
  if (!take_apart(head, bytes, length, refusal)) return false;
  if (head->major != 1 || head->minor > 1) {
    return reject(refusal, 505, "The HTTP version is neither 1.0 nor 1.1.");
  }
  return check_host(head, refusal) && check_target(head, refusal) &&
         check_body(head, refusal);
}

bool http_is_token(struct slice text) {
  for (size_t i = 0; i < text.length; i++) {
    if (!http_is_token_byte((uint8_t)text.at[i])) return false;
  }
  return text.length > 0;
}

struct slice http_head_get(const struct http_head *head, const char *name,
                           size_t n) {
  struct slice wanted = slice_of(name);

  for (size_t i = 0; i < head->count; i++) {
    if (!slice_equals_nocase(head->headers[i].name, wanted)) continue;
    if (n-- == 0) return head->headers[i].value;
  }
  return (struct slice){NULL, 0};
}

bool http_head_lists(const struct http_head *head, const char *name,
                     const char *item) {
  for (size_t n = 0;; n++) {
    struct slice rest = http_head_get(head, name, n);
    if (!rest.at) return false;
    while (rest.at) {
      struct slice part = slice_trim(slice_cut(&rest, ','));
      if (slice_equals_nocase(part, slice_of(item))) return true;
    }
  }
}
