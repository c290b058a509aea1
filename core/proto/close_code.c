/*
 * close_code - which codes may stand in a close frame, and what they are
 * called.
 *
 * 1004 is reserved, 1005, 1006 and 1015 are made up by the end that reports
 * them (RFC 6455 7.4.1); 1012 to 1014 came later, in the IANA registry. 3000 to
 * 3999 are registered by libraries, 4000 to 4999 belong to applications.
 */
#include "close_code.h"

bool close_code_is_sendable(int code) {
  if (code >= 1000 && code <= 1003) return true;
  if (code >= 1007 && code <= 1014) return true;
  return code >= 3000 && code <= 4999;
}

const char *close_code_name(int code) {
  switch (code) {
  case CLOSE_NORMAL: return "normal closure";
  case CLOSE_GOING_AWAY: return "going away";
  case CLOSE_PROTOCOL_ERROR: return "protocol error";
  case CLOSE_UNSUPPORTED: return "unsupported data";
  case CLOSE_NO_STATUS: return "no status received";
  case CLOSE_ABNORMAL: return "abnormal closure";
  case CLOSE_INVALID_PAYLOAD: return "invalid payload data";
  case CLOSE_POLICY: return "policy violation";
  case CLOSE_TOO_BIG: return "message too big";
  case CLOSE_EXTENSION_MISSING: return "mandatory extension missing";
  case CLOSE_INTERNAL_ERROR: return "internal error";
  case CLOSE_SERVICE_RESTART: return "service restart";
  case CLOSE_TRY_AGAIN_LATER: return "try again later";
  case CLOSE_BAD_GATEWAY: return "bad gateway";
  default: return "";
  }
}
