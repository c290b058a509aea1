/*
 * http_parts - llhttp takes a clean, complete head apart, names the parts, and
 * knows about connections that stay open; two lengths that agree are fine by
 * it. That is judged here. Nothing is copied.
 */
#include "http_parts.h"

#include "http_bytes.h"

enum { CONTENT_LENGTH_DIGITS = 18 };

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

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

llhttp_errno_t http_parts_take(struct http_head *head, llhttp_type_t type,
                               const char *bytes, size_t length) {
  struct parse parse = {.head = head};
  llhttp_t parser;

  llhttp_init(&parser, type, &settings);
  parser.data = &parse;
  llhttp_errno_t error = llhttp_execute(&parser, bytes, length);
  if (error != HPE_PAUSED) return error == HPE_OK ? HPE_INTERNAL : error;
  if (!parse.is_whole) return HPE_INTERNAL;

  for (size_t i = 0; i < head->count; i++) {
    struct http_header *header = &head->headers[i];
    header->value = slice_trim(header->value);
    if (!header->value.at) header->value.at = header->name.at;
  }
  return HPE_OK;
}

size_t http_parts_count(const struct http_head *head, const char *name) {
  size_t count = 0;

  while (http_head_get(head, name, count).at) count++;
  return count;
}

/* Refuses repeated lengths even when they agree: RFC 9112 6.3 would allow them,
 * no client sends them, and servers have disagreed about them. */
static bool check_length(struct http_head *head, struct refusal *refusal) {
  size_t count = http_parts_count(head, "content-length");
  struct slice text = http_head_get(head, "content-length", 0);

  if (count == 0) return true;
  if (count > 1)
    return refusal_set(refusal, 400, "Content-Length is repeated.");
  if (text.length == 0 || text.length > CONTENT_LENGTH_DIGITS) {
    return refusal_set(refusal, 400, "Content-Length is empty or too large.");
  }
  if (!slice_number(text, CONTENT_LENGTH_DIGITS, &head->length)) {
    return refusal_set(refusal, 400, "Content-Length is not a number.");
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
      return refusal_set(refusal, 400, "Transfer-Encoding is malformed.");
    }
  }
  if (!codings.ends_in_chunked) {
    return refusal_set(refusal, 400,
                       "Transfer-Encoding does not end in chunked.");
  }
  if (codings.chunked > 1) {
    return refusal_set(refusal, 400, "Transfer-Encoding says chunked twice.");
  }
  if (codings.unknown == 0) return true;
  return refusal_set(refusal, 501, "The transfer coding is not chunked.");
}

bool http_parts_check_framing(struct http_head *head, struct refusal *refusal) {
  if (!check_length(head, refusal)) return false;
  if (!http_head_get(head, "transfer-encoding", 0).at) return true;

  if (head->has_length) {
    return refusal_set(refusal, 400,
                       "Both Content-Length and Transfer-Encoding "
                       "are given.");
  }
  if (head->minor == 0) {
    return refusal_set(refusal, 400, "Transfer-Encoding in HTTP/1.0.");
  }
  head->chunked = true;
  return check_codings(head, refusal);
}
