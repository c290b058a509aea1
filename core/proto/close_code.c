/*
 * close_code - which codes may stand in a close frame.
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
