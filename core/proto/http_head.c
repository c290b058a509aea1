/*
 * http_head - a clean, complete head is taken apart by http_parts; whether
 * there is one Host, and the target is one, is judged here. Nothing is copied.
 */
#include "http_head.h"

#include "http_bytes.h"
#include "http_parts.h"

static bool explain(llhttp_errno_t error, struct refusal *refusal) {
  switch (error) {
  case HPE_INVALID_METHOD:
    return refusal_set(refusal, 501, "The method is not known to this server.");
  case HPE_INVALID_VERSION:
  case HPE_PAUSED_H2_UPGRADE:
    return refusal_set(refusal, 505,
                       "The HTTP version is neither 1.0 nor 1.1.");
  case HPE_INVALID_URL:
    return refusal_set(refusal, 400, "The request target is malformed.");
  case HPE_INVALID_CONTENT_LENGTH:
    return refusal_set(refusal, 400, "Content-Length is not a number.");
  case HPE_UNEXPECTED_CONTENT_LENGTH:
    return refusal_set(refusal, 400,
                       "Content-Length is repeated, or stands beside "
                       "Transfer-Encoding.");
  case HPE_INVALID_TRANSFER_ENCODING:
    return refusal_set(refusal, 400, "Transfer-Encoding is malformed.");
  default: return refusal_set(refusal, 400, "The request head is malformed.");
  }
}

/* A port, with its colon, or nothing; the number may be missing. */
static bool is_port(struct slice text) {
  uint64_t port;

  if (text.length == 0) return true;
  if (text.at[0] != ':') return false;
  struct slice number = {text.at + 1, text.length - 1};
  if (number.length == 0) return true;
  return slice_number(number, 5, &port) && port <= UINT16_MAX;
}

/* An IPv6 address in brackets is not taken apart further: nobody resolves it,
 * it is only compared. */
static size_t bracketed_size(struct slice text) {
  size_t i = 1;

  while (i < text.length && (http_is_hex((uint8_t)text.at[i]) ||
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
    if (!http_is_hex((uint8_t)text.at[i + 1])) break;
    if (!http_is_hex((uint8_t)text.at[i + 2])) break;
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
  size_t count = http_parts_count(head, "host");

  if (count == 0 && head->minor == 0) return true;
  if (count == 0) return refusal_set(refusal, 400, "There is no Host header.");
  if (count > 1)
    return refusal_set(refusal, 400, "Host is given more than once.");

  struct slice host = http_head_get(head, "host", 0);
  if (host.length == 0 || is_host(host)) return true;
  return refusal_set(refusal, 400, "Host is malformed.");
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
  return refusal_set(
      refusal, 400,
      "The request target is neither a path nor an absolute URI.");
}

bool http_head_parse(struct http_head *head, const char *bytes, size_t length,
                     struct refusal *refusal) {
  *refusal = (struct refusal){0, NULL};
  memset(head, 0, offsetof(struct http_head, headers));
  llhttp_errno_t error = http_parts_take(head, HTTP_REQUEST, bytes, length);
  if (error != HPE_OK) return explain(error, refusal);
  if (head->major != 1 || head->minor > 1) {
    return refusal_set(refusal, 505,
                       "The HTTP version is neither 1.0 nor 1.1.");
  }
  return check_host(head, refusal) && check_target(head, refusal) &&
         http_parts_check_framing(head, refusal);
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
