#include "libraries.h"

#include <llhttp.h>
#include <mbedtls/version.h>
#include <zlib.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define LLHTTP_VERSION                                                         \
  TEXT(LLHTTP_VERSION_MAJOR)                                                   \
  "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH)

const char *proto_libraries(void) {
  return "llhttp " LLHTTP_VERSION ", zlib " ZLIB_VERSION
         ", " MBEDTLS_VERSION_STRING_FULL;
}
