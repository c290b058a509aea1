#include "proxy_header.h"

#include <netinet/in.h>

enum { V1_MAX = 107, V2_FIXED = 16, V2_SIGNATURE = 12 };

static const char v1_start[] = "PROXY ";
static const uint8_t v2_start[V2_SIGNATURE] = "\r\n\r\n\0\r\nQUIT\n";

/* Do the bytes begin as `start` does, as far as they are there? */
static bool begins_as(const uint8_t *bytes, size_t length, const void *start,
                      size_t start_length) {
  return memcmp(bytes, start, length < start_length ? length : start_length) ==
         0;
}

/* ---- version 1: PROXY TCP4 192.0.2.1 192.0.2.9 56324 443 CR LF */

/* Without leading zeros. */
static bool read_port(struct slice text, uint16_t *port) {
  uint64_t value;
  if (!slice_number(text, 5, &value)) return false;
  if (text.length > 1 && text.at[0] == '0') return false;
  *port = (uint16_t)value;
  return value <= UINT16_MAX;
}

/* An IPv6 one may be IPv4 in disguise: what counts is how it is written. */
static bool read_host(struct slice text, bool is_ipv6,
                      struct address *address) {
  bool has_colon = text.length > 0 && memchr(text.at, ':', text.length);
  return has_colon == is_ipv6 && address_parse(text, address);
}

static bool read_v1_addresses(struct slice text, bool is_ipv6,
                              struct proxy_header *header) {
  struct address ours;
  struct slice fields[4];
  for (int i = 0; i < 4; i++) {
    if (!text.at) return false;
    fields[i] = slice_cut(&text, ' ');
  }
  header->has_source = true;
  return !text.at && read_host(fields[0], is_ipv6, &header->source) &&
         read_host(fields[1], is_ipv6, &ours) &&
         read_port(fields[2], &header->source.port) &&
         read_port(fields[3], &ours.port);
}

/* `line` is what stands between "PROXY " and CR LF. */
static bool read_v1(struct slice line, struct proxy_header *header) {
  struct slice family = slice_cut(&line, ' ');
  header->has_source = false;
  if (slice_equals(family, SLICE("UNKNOWN"))) return true;
  bool is_ipv6 = slice_equals(family, SLICE("TCP6"));
  if (!is_ipv6 && !slice_equals(family, SLICE("TCP4"))) return false;
  return read_v1_addresses(line, is_ipv6, header);
}

/* Where the line ends (its CR), or `length`; everything before must be plain
 * text. */
static bool find_v1_end(const uint8_t *bytes, size_t length, size_t *end) {
  for (*end = 0; *end < length; (*end)++) {
    if (bytes[*end] == '\r') return true;
    if (bytes[*end] < ' ' || bytes[*end] > '~') return false;
  }
  return true;
}

static enum proxy_header_result parse_v1(const uint8_t *bytes, size_t length,
                                         struct proxy_header *header) {
  const size_t start = sizeof v1_start - 1;
  size_t end;
  if (length > V1_MAX) length = V1_MAX;
  if (!begins_as(bytes, length, v1_start, start)) return PROXY_HEADER_MALFORMED;
  if (!find_v1_end(bytes, length, &end)) return PROXY_HEADER_MALFORMED;
  if (end + 1 >= length) {
    return length < V1_MAX ? PROXY_HEADER_UNFINISHED : PROXY_HEADER_MALFORMED;
  }
  struct slice line = {(const char *)bytes + start, end - start};
  if (bytes[end + 1] != '\n' || end < start || !read_v1(line, header)) {
    return PROXY_HEADER_MALFORMED;
  }
  header->length = end + 2;
  return PROXY_HEADER_WHOLE;
}

/* ---- version 2: signature, version and command, family, length, addresses,
 * then TLVs, which are skipped */

enum { V2_VERSION = 0x20, V2_LOCAL = 0, V2_PROXY = 1 };

static uint16_t read_16(const uint8_t *bytes) {
  return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* How long the addresses of the family are; -1 for one that there is not. The
 * low half is the transport: unspecified, stream, datagram. */
static int v2_addresses(uint8_t family) {
  if ((family & 0x0F) > 2) return -1;
  switch (family >> 4) {
  case 0: return 0;
  case 1: return 12;
  case 2: return 36;
  case 3: return 216;
  default: return -1;
  }
}

static void read_v2_source(const uint8_t *at, uint8_t family,
                           struct address *source) {
  size_t size = family >> 4 == 1 ? 4 : 16;
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  *source = (struct address){0};
  if (family >> 4 == 3) return;
  uint16_t port = read_16(at + 2 * size);
  if (size == 4) {
    *source = (struct address){.family = 4};
    memcpy(source->bytes, at, size);
  } else {
    memcpy(&in6.sin6_addr, at, size);
    *source = address_of((struct sockaddr *)&in6);
  }
  source->port = port;
}

static enum proxy_header_result parse_v2(const uint8_t *bytes, size_t length,
                                         struct proxy_header *header) {
  if (!begins_as(bytes, length, v2_start, V2_SIGNATURE)) {
    return PROXY_HEADER_MALFORMED;
  }
  if (length > 12 && bytes[12] != (V2_VERSION | V2_LOCAL) &&
      bytes[12] != (V2_VERSION | V2_PROXY)) {
    return PROXY_HEADER_MALFORMED;
  }
  bool is_local = length > 12 && bytes[12] == V2_VERSION;
  int needed = length > 13 && !is_local ? v2_addresses(bytes[13]) : 0;
  if (needed < 0) return PROXY_HEADER_MALFORMED;
  if (length < V2_FIXED) return PROXY_HEADER_UNFINISHED;
  size_t behind = read_16(bytes + 14);
  if (behind < (size_t)needed || behind > PROXY_HEADER_MAX - V2_FIXED) {
    return PROXY_HEADER_MALFORMED;
  }
  if (length < V2_FIXED + behind) return PROXY_HEADER_UNFINISHED;
  header->length = V2_FIXED + behind;
  header->has_source = needed > 0;
  if (needed > 0) read_v2_source(bytes + V2_FIXED, bytes[13], &header->source);
  return PROXY_HEADER_WHOLE;
}

enum proxy_header_result proxy_header_read(const void *bytes, size_t length,
                                           struct proxy_header *header) {
  *header = (struct proxy_header){0};
  if (length == 0) return PROXY_HEADER_UNFINISHED;
  const uint8_t *first = bytes;
  return *first == v2_start[0] ? parse_v2(bytes, length, header)
                               : parse_v1(bytes, length, header);
}
