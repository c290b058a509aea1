#include "http_response.h"

#include "http_bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct {
  int status;
  const char *text;
} statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_text(int status) {
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    if (statuses[i].status == status) return statuses[i].text;
  }
  return "Unknown";
}

bool http_header_is_safe(struct slice name, struct slice value) {
  for (size_t i = 0; i < value.length; i++) {
    if (!http_is_value_byte((uint8_t)value.at[i])) return false;
  }
  return http_is_token(name);
}

/* Made once a second. */
static bool add_date(struct buffer *to) {
  static char text[48];
  static time_t made;
  time_t now = time(NULL);
  if (now != made) {
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    made = now;
  }
  return buffer_append_text(to, text);
}

bool http_response_start(struct buffer *to, int status) {
  char line[80];
  if (status == 101) {
    return buffer_append_text(to, "HTTP/1.1 101 Switching Protocols\r\n");
  }
  snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status,
           http_status_text(status));
  return buffer_append_text(to, line) && add_date(to);
}

bool http_response_header(struct buffer *to, struct slice name,
                          struct slice value) {
  return buffer_append(to, name.at, name.length) &&
         buffer_append(to, ": ", 2) &&
         buffer_append(to, value.at, value.length) &&
         buffer_append(to, "\r\n", 2);
}

bool http_response_end_empty(struct buffer *to, struct slice connection) {
  bool is_whole = connection.length == 0 ||
                  http_response_header(to, SLICE("Connection"), connection);
  return is_whole && buffer_append(to, "\r\n", 2);
}

bool http_response_end_chunked(struct buffer *to, struct slice connection) {
  return http_response_header(to, SLICE("Transfer-Encoding"),
                              SLICE("chunked")) &&
         http_response_end_empty(to, connection);
}

bool http_response_end(struct buffer *to, uint64_t content_length,
                       struct slice connection) {
  char line[48];
  snprintf(line, sizeof line, "Content-Length: %" PRIu64 "\r\n",
           content_length);
  return buffer_append_text(to, line) &&
         http_response_end_empty(to, connection);
}

bool http_status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

size_t http_chunk_size(char to[HTTP_CHUNK_SIZE_MAX], size_t length) {
  return (size_t)snprintf(to, HTTP_CHUNK_SIZE_MAX, "%zx\r\n", length);
}
