/*
 * http_scan - a request's head, byte by byte: where does it end, and is
 * there anything in it that two servers could read in two ways?
 *
 * The llhttp that distributions package accepts, in requests, folded lines, a
 * space before the colon, empty names, a CR without its LF, and any number of
 * empty lines and headers; each of these has been a way to smuggle a request
 * past somebody. Here are a dozen states that refuse all that while the bytes
 * come in, so a peer that sends rubbish is gone at its first wrong byte. What a
 * header means is no business of this file, and no byte is looked at twice.
 */
#include "http_scan.h"

#include "http_bytes.h"

#include <string.h>

enum state {
  STATE_START, /* one empty line is forgiven (RFC 9112 2.2) */
  STATE_START_LF,
  STATE_METHOD,
  STATE_TARGET_FIRST,
  STATE_TARGET,
  STATE_VERSION, /* and one state for each character of "HTTP/1.1" */
  STATE_VERSION_MAJOR = STATE_VERSION + 5,
  STATE_VERSION_MINOR = STATE_VERSION + 7,
  STATE_VERSION_END = STATE_VERSION + 8,
  STATE_LF, /* the CR that ends a line was there */
  STATE_LINE,
  STATE_NAME,
  STATE_VALUE,
  STATE_END_LF,
  STATE_END,
  STATE_REFUSED, /* an answer of the functions below, never kept */
};

enum { METHOD_MAX = 32 };

static enum state refuse(struct refusal *refusal, int status,
                         const char *reason) {
  refusal_set(refusal, status, reason);
  return STATE_REFUSED;
}

static enum state take_method(const struct http_scan *scan, uint8_t byte,
                              struct refusal *refusal) {
  size_t length = scan->at - scan->line_start;

  if (byte == ' ' && length > 0) return STATE_TARGET_FIRST;
  if (!http_is_token_byte(byte)) {
    return refuse(refusal, 400, "The request does not begin with a method.");
  }
  if (length < METHOD_MAX) return STATE_METHOD;
  return refuse(refusal, 400, "The method is too long to be one.");
}

static enum state take_target(uint8_t byte, bool is_first,
                              struct refusal *refusal) {
  if (byte == ' ' && !is_first) return STATE_VERSION;
  if (byte > ' ' && byte < 0x7F && byte != '#') return STATE_TARGET;
  if (byte == '#') {
    return refuse(refusal, 400, "The request target has a fragment.");
  }
  if (byte == '\r' || byte == '\n') {
    return refuse(refusal, 400, "The request line has no HTTP version.");
  }
  return refuse(refusal, 400,
                "The request target is empty or has a byte that no URI has.");
}

static enum state take_version(enum state state, uint8_t byte,
                               struct refusal *refusal) {
  static const char wanted[] = "HTTP/1.1\r";

  if (byte == (uint8_t)wanted[state - STATE_VERSION]) return state + 1;
  if (state == STATE_VERSION_MINOR && byte == '0') return state + 1;
  if ((state == STATE_VERSION_MAJOR || state == STATE_VERSION_MINOR) &&
      http_is_digit(byte)) {
    return refuse(refusal, 505, "The HTTP version is neither 1.0 nor 1.1.");
  }
  return refuse(refusal, 400,
                "The request line does not end in HTTP/1.1 and "
                "CR LF.");
}

static enum state take_line(struct http_scan *scan, uint8_t byte,
                            struct refusal *refusal) {
  if (byte == '\r') return STATE_END_LF;
  if (byte == ' ' || byte == '\t') {
    return refuse(refusal, 400, "A header line begins with white space.");
  }
  if (byte == ':') return refuse(refusal, 400, "A header has no name.");
  if (byte == '\n') return refuse(refusal, 400, "A line ends in a bare LF.");
  if (!http_is_token_byte(byte)) {
    return refuse(refusal, 400,
                  "A header name has a byte that is not allowed.");
  }
  if (scan->headers == HTTP_MAX_HEADERS) {
    return refuse(refusal, 431, "There are more than 100 header lines.");
  }
  scan->headers++;
  return STATE_NAME;
}

static enum state take_name(uint8_t byte, struct refusal *refusal) {
  if (byte == ':') return STATE_VALUE;
  if (http_is_token_byte(byte)) return STATE_NAME;
  if (byte == ' ' || byte == '\t') {
    return refuse(refusal, 400, "White space stands before a header's colon.");
  }
  if (byte == '\r' || byte == '\n') {
    return refuse(refusal, 400, "A header line has no colon.");
  }
  return refuse(refusal, 400, "A header name has a byte that is not allowed.");
}

static enum state take_value(uint8_t byte, struct refusal *refusal) {
  if (http_is_value_byte(byte)) return STATE_VALUE;
  if (byte == '\r') return STATE_LF;
  if (byte == '\n') return refuse(refusal, 400, "A line ends in a bare LF.");
  return refuse(refusal, 400, "A header value has a control character.");
}

static enum state take_lf(uint8_t byte, enum state next,
                          struct refusal *refusal) {
  if (byte == '\n') return next;
  return refuse(refusal, 400, "A CR is not followed by LF.");
}

static enum state take_byte(struct http_scan *scan, uint8_t byte,
                            struct refusal *refusal) {
  enum state state = scan->state;

  switch (state) {
  case STATE_START:
    if (byte == '\r') return STATE_START_LF;
    return take_method(scan, byte, refusal);
  case STATE_METHOD: return take_method(scan, byte, refusal);
  case STATE_START_LF: return take_lf(byte, STATE_METHOD, refusal);
  case STATE_TARGET_FIRST: return take_target(byte, true, refusal);
  case STATE_TARGET: return take_target(byte, false, refusal);
  case STATE_LF: return take_lf(byte, STATE_LINE, refusal);
  case STATE_LINE: return take_line(scan, byte, refusal);
  case STATE_NAME: return take_name(byte, refusal);
  case STATE_VALUE: return take_value(byte, refusal);
  case STATE_END_LF: return take_lf(byte, STATE_END, refusal);
  default: return take_version(state, byte, refusal);
  }
}

/* The preface of HTTP/2 (RFC 9113 3.4) is no request of a later version: it is
 * made so that a server which does not know it refuses it. */
static void refuse_http2(const char *bytes, size_t length,
                         struct refusal *refusal) {
  static const char preface[] = "PRI * HTTP/";
  if (length < sizeof preface - 1) return;
  if (memcmp(bytes, preface, sizeof preface - 1) != 0) return;
  refuse(refusal, 400, "This is HTTP/2; HTTP/1.1 is spoken here.");
}

void http_scan_lines(struct http_scan *scan, size_t at) {
  *scan = (struct http_scan){.at = at, .line_start = at, .state = STATE_LINE};
}

size_t http_scan(struct http_scan *scan, const char *bytes, size_t length,
                 size_t max_size, struct refusal *refusal) {
  size_t limit = length < max_size ? length : max_size;

  *refusal = (struct refusal){0, NULL};
  while (scan->state != STATE_END && scan->at < limit) {
    enum state next = take_byte(scan, (uint8_t)bytes[scan->at], refusal);
    if (next == STATE_REFUSED) {
      refuse_http2(bytes, scan->at, refusal);
      return 0;
    }
    scan->at++;
    if (scan->state == STATE_START_LF || scan->state == STATE_LF) {
      scan->line_start = scan->at;
    }
    scan->state = (uint8_t)next;
  }
  if (scan->state == STATE_END) return scan->at;
  if (scan->at < max_size) return 0;
  if (scan->state < STATE_LF) {
    refuse(refusal, 414, "The request line is larger than allowed.");
  } else {
    refuse(refusal, 431, "The request head is larger than allowed.");
  }
  return 0;
}
