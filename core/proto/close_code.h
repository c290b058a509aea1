/*
 * close_code - the status codes of a close frame (RFC 6455 7.4 and the IANA
 * registry).
 */
#ifndef RATCHET_PROTO_CLOSE_CODE_H
#define RATCHET_PROTO_CLOSE_CODE_H

#include <stdbool.h>
#include <stdint.h>

enum close_code {
  CLOSE_NORMAL = 1000,
  CLOSE_GOING_AWAY = 1001,
  CLOSE_PROTOCOL_ERROR = 1002,
  CLOSE_UNSUPPORTED = 1003,
  CLOSE_NO_STATUS = 1005, /* never sent: the frame had no code */
  CLOSE_ABNORMAL = 1006,  /* never sent: the connection was lost */
  CLOSE_INVALID_PAYLOAD = 1007,
  CLOSE_POLICY = 1008,
  CLOSE_TOO_BIG = 1009,
  CLOSE_EXTENSION_MISSING = 1010,
  CLOSE_INTERNAL_ERROR = 1011,
  CLOSE_SERVICE_RESTART = 1012,
  CLOSE_TRY_AGAIN_LATER = 1013,
  CLOSE_BAD_GATEWAY = 1014,
};

/* May this code stand in a close frame? 1000-1003, 1007-1014, 3000-4999. */
bool close_code_is_sendable(int code);

#endif
