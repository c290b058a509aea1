/*
 * http_answer - the head of an HTTP/1.x answer, for those who ask: found,
 * bounded and parsed as strictly as a request's is (http_head.h). A refusal of
 * it has the status 502, which is what a gateway would say, and one sentence.
 */
#ifndef RATCHET_PROTO_HTTP_ANSWER_H
#define RATCHET_PROTO_HTTP_ANSWER_H

#include "http_head.h"

/* As http_scan: looks at bytes[scan->at .. length), which begin with the status
 * line; an all-zero scan is its start. Returns the size of the head once its
 * blank line is there, else 0; then either more is needed or refusal->status is
 * 502. */
size_t http_answer_scan(struct http_scan *scan, const char *bytes,
                        size_t length, size_t max_size,
                        struct refusal *refusal);

/* A parsed head. All slices point into the bytes that were parsed. Of the head,
 * method and target are empty; http_head_get and http_head_lists are for its
 * headers, http_body_new for its body. */
struct http_answer {
  int status;          /* 100 to 999 */
  struct slice phrase; /* "Not Found"; may be empty */
  struct http_head head;
};

/* `bytes` is a whole head, as http_answer_scan measured it. False with a
 * refusal for two lengths, a length with Transfer-Encoding, and a transfer
 * coding that is not chunked: the end of the body would be a guess. */
bool http_answer_parse(struct http_answer *answer, const char *bytes,
                       size_t length, struct refusal *refusal);

enum http_answer_body {
  HTTP_ANSWER_NO_BODY,
  HTTP_ANSWER_FRAMED,    /* by its length, or chunked: http_body reads it */
  HTTP_ANSWER_UNTIL_END, /* what comes before FIN */
};

/* Where does the body end (RFC 9112 6.3)? */
enum http_answer_body http_answer_body(const struct http_answer *answer,
                                       bool is_to_head_request);

#endif
