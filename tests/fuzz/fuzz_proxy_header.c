/*
 * fuzz_proxy_header - any bytes as the header of the PROXY protocol: it must
 * say the same byte by byte as whole, never change its mind, and stay inside
 * its bounds.
 */
#include "proto/proxy_header.h"

#include <stdlib.h>
#include <string.h>

/* A copy of just its size, so that reading on is seen. */
static enum proxy_header_result read_copy(const uint8_t *data, size_t size,
                                          struct proxy_header *header) {
  uint8_t *bytes = malloc(size ? size : 1);
  if (!bytes) abort();
  if (size > 0) memcpy(bytes, data, size);
  enum proxy_header_result result = proxy_header_read(bytes, size, header);
  free(bytes);
  return result;
}

static void check_header(const struct proxy_header *header, size_t size) {
  char text[ADDRESS_TEXT_MAX];
  struct address again;
  if (header->length > size || header->length > PROXY_HEADER_MAX) abort();
  if (!header->has_source || header->source.family == 0) return;
  address_format(&header->source, text);
  if (!address_parse(slice_of(text), &again)) abort();
  if (!address_equals(&again, &header->source)) abort();
}

static enum proxy_header_result read_bytewise(const uint8_t *data, size_t size,
                                              struct proxy_header *header) {
  enum proxy_header_result result = PROXY_HEADER_UNFINISHED;
  for (size_t i = 1; i <= size && result == PROXY_HEADER_UNFINISHED; i++) {
    result = read_copy(data, i, header);
  }
  return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct proxy_header whole, again = {0};
  enum proxy_header_result result = read_copy(data, size, &whole);

  if (read_bytewise(data, size, &again) != result) abort();
  if (result == PROXY_HEADER_UNFINISHED && size >= PROXY_HEADER_MAX) abort();
  if (result != PROXY_HEADER_WHOLE) return 0;
  check_header(&whole, size);
  if (again.length != whole.length) abort();
  if (again.has_source != whole.has_source) abort();
  if (!address_equals(&again.source, &whole.source)) abort();
  return 0;
}
