/*
 * http_parts - what the heads of requests (http_head) and of answers
 * (http_answer) have in common: the parts, and the framing of a body.
 */
#ifndef RATCHET_PROTO_HTTP_PARTS_H
#define RATCHET_PROTO_HTTP_PARTS_H

#include "http_head.h"

#include <llhttp.h>

/* Fills a head that is all zero. HPE_OK, or what llhttp does not like. */
llhttp_errno_t http_parts_take(struct http_head *head, llhttp_type_t type,
                               const char *bytes, size_t length);
/* How many headers of that name there are. */
size_t http_parts_count(const struct http_head *head, const char *name);
/* Where does the body end (RFC 9112 6.3)? Two answers are as bad as none: 400,
 * and 501 for a coding beside chunked. Sets the head's length or chunked. */
bool http_parts_check_framing(struct http_head *head, struct refusal *refusal);

#endif
