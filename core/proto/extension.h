/*
 * extension - the list in Sec-WebSocket-Extensions (RFC 6455 9.1), item by
 * item: "a; b; c=1, d". What the items mean is said elsewhere.
 */
#ifndef RATCHET_PROTO_EXTENSION_H
#define RATCHET_PROTO_EXTENSION_H

#include "base/slice.h"

/* Slices of the header's value. */
struct extension {
  struct slice name;
  struct slice parameters; /* those not taken yet; at == NULL: none */
};

struct extension_parameter {
  struct slice name;
  struct slice value; /* as it was written, quotes and all; at == NULL: none */
};

/* Takes the first item off `rest`, which is empty with at == NULL after the
 * last. False when its name is no token; its parameters are judged when they
 * are taken. */
bool extension_take(struct slice *rest, struct extension *extension);

/* Takes the next parameter off. False when it is malformed: no token, or a
 * value that is neither a token nor, unquoted, one. */
bool extension_take_parameter(struct extension *extension,
                              struct extension_parameter *parameter);

/* A value, with or without quotes, as a number of one to four digits that does
 * not begin with 0; -1 for anything else. */
int extension_number(struct slice value);

#endif
