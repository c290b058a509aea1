/*
 * The status line is of fixed places, so where the scan stands is all that has
 * to be known of it; header lines are as in a request.
 */
#include "http_answer.h"

#include "http_bytes.h"
#include "http_parts.h"

enum {
  AT_MINOR = 7,
  AT_STATUS = 9,
  AT_PHRASE = 12, /* a space, which some leave out, and the phrase */
  BAD_GATEWAY = 502,
};

static bool refuse(struct refusal *refusal, const char *reason) {
  return refusal_set(refusal, BAD_GATEWAY, reason);
}

static bool check_version(size_t at, uint8_t byte, struct refusal *refusal) {
  static const char wanted[] = "HTTP/1.1 ";
  if (byte == (uint8_t)wanted[at] || (at == AT_MINOR && byte == '0')) {
    return true;
  }
  if ((at == 5 || at == AT_MINOR) && http_is_digit(byte)) {
    return refuse(refusal, "The answer's version is neither 1.0 nor 1.1.");
  }
  return refuse(refusal, "The answer is not HTTP.");
}

static bool check_status(size_t at, uint8_t byte, struct refusal *refusal) {
  if (http_is_digit(byte) && (at > AT_STATUS || byte != '0')) return true;
  return refuse(refusal, "The answer's status is not three digits.");
}

static bool check_phrase(size_t at, uint8_t byte, struct refusal *refusal) {
  if (byte == '\r') return true;
  if (at == AT_PHRASE && byte != ' ') {
    return refuse(refusal, "The answer's status is not three digits.");
  }
  if (http_is_value_byte(byte)) return true;
  return refuse(refusal, "The answer's status line does not end in CR LF.");
}

static bool check_byte(const char *bytes, size_t at, struct refusal *refusal) {
  uint8_t byte = (uint8_t)bytes[at];
  if (at < AT_STATUS) return check_version(at, byte, refusal);
  if (at < AT_PHRASE) return check_status(at, byte, refusal);
  if (bytes[at - 1] != '\r') return check_phrase(at, byte, refusal);
  return byte == '\n' || refuse(refusal, "A CR is not followed by LF.");
}

/* True when the status line has ended. */
static bool scan_status_line(struct http_scan *scan, const char *bytes,
                             size_t limit, struct refusal *refusal) {
  while (scan->at < limit) {
    size_t at = scan->at;
    if (!check_byte(bytes, at, refusal)) return false;
    scan->at++;
    if (bytes[at] != '\n') continue;
    http_scan_lines(scan, scan->at);
    return true;
  }
  return false;
}

size_t http_answer_scan(struct http_scan *scan, const char *bytes,
                        size_t length, size_t max_size,
                        struct refusal *refusal) {
  static const char too_large[] = "The answer's head is larger than allowed.";
  size_t size = 0;
  *refusal = (struct refusal){0, NULL};
  bool is_first_line = scan->state == 0;
  if (is_first_line) {
    size_t limit = length < max_size ? length : max_size;
    is_first_line = !scan_status_line(scan, bytes, limit, refusal);
  }
  if (!is_first_line) size = http_scan(scan, bytes, length, max_size, refusal);
  if (size > 0) return size;
  if (scan->at >= max_size) refuse(refusal, too_large);
  if (refusal->status) refusal->status = BAD_GATEWAY;
  return 0;
}

/* The scan has seen that the line is one. */
static void read_status_line(struct http_answer *answer, const char *bytes,
                             size_t length) {
  answer->status = (bytes[AT_STATUS] - '0') * 100 +
                   (bytes[AT_STATUS + 1] - '0') * 10 +
                   (bytes[AT_STATUS + 2] - '0');
  struct slice rest = {bytes + AT_PHRASE, length - AT_PHRASE};
  answer->phrase = slice_trim(slice_cut(&rest, '\r'));
}

static bool explain(llhttp_errno_t error, struct refusal *refusal) {
  switch (error) {
  case HPE_INVALID_CONTENT_LENGTH:
  case HPE_UNEXPECTED_CONTENT_LENGTH:
    return refuse(refusal, "The answer's Content-Length is no number, "
                           "repeated, or beside Transfer-Encoding.");
  default: return refuse(refusal, "The answer's head is malformed.");
  }
}

bool http_answer_parse(struct http_answer *answer, const char *bytes,
                       size_t length, struct refusal *refusal) {
  struct http_scan scan = {0};
  memset(answer, 0, offsetof(struct http_answer, head.headers));
  size_t size = http_answer_scan(&scan, bytes, length, length, refusal);
  if (size == 0 || size != length) {
    return refuse(refusal, "The answer's head is not whole.");
  }
  read_status_line(answer, bytes, length);
  llhttp_errno_t error =
      http_parts_take(&answer->head, HTTP_RESPONSE, bytes, length);
  if (error != HPE_OK) return explain(error, refusal);
  if (http_parts_check_framing(&answer->head, refusal)) return true;
  refusal->status = BAD_GATEWAY;
  return false;
}

enum http_answer_body http_answer_body(const struct http_answer *answer,
                                       bool is_to_head_request) {
  int status = answer->status;
  if (is_to_head_request || status < 200 || status == 204 || status == 304) {
    return HTTP_ANSWER_NO_BODY;
  }
  if (answer->head.chunked) return HTTP_ANSWER_FRAMED;
  if (!answer->head.has_length) return HTTP_ANSWER_UNTIL_END;
  return answer->head.length > 0 ? HTTP_ANSWER_FRAMED : HTTP_ANSWER_NO_BODY;
}
