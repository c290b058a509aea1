#include "libraries.h"

#include <llhttp.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <zlib.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define LLHTTP_VERSION                                                         \
  TEXT(LLHTTP_VERSION_MAJOR)                                                   \
  "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH)

const char *proto_libraries(void) {
  static char text[128];
  char mbedtls[32]; /* the library asks for 18 */
  mbedtls_version_get_string_full(mbedtls);
  snprintf(text, sizeof text, "llhttp " LLHTTP_VERSION ", zlib %s, %s",
           zlibVersion(), mbedtls);
  return text;
}
