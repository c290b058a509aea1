#include "extension.h"

#include "http_bytes.h"

/* A quoted string that, unquoted, is a token (RFC 6455 9.1). What it may hold
 * is thus never a comma or a semicolon, so cutting at these first is right. */
static bool is_quoted_token(struct slice text) {
  size_t found = 0;

  if (text.length < 2 || text.at[text.length - 1] != '"') return false;
  for (size_t i = 1; i < text.length - 1; i++) {
    if (text.at[i] == '\\' && ++i == text.length - 1) return false;
    if (!http_is_token((struct slice){text.at + i, 1})) return false;
    found++;
  }
  return found > 0;
}

static bool is_quoted(struct slice value) {
  return value.length > 0 && value.at[0] == '"';
}

bool extension_take(struct slice *rest, struct extension *extension) {
  struct slice item = slice_trim(slice_cut(rest, ','));
  extension->name = slice_trim(slice_cut(&item, ';'));
  extension->parameters = item;
  return http_is_token(extension->name);
}

bool extension_take_parameter(struct extension *extension,
                              struct extension_parameter *parameter) {
  struct slice text = slice_trim(slice_cut(&extension->parameters, ';'));
  parameter->name = slice_trim(slice_cut(&text, '='));
  parameter->value = text.at ? slice_trim(text) : text;
  if (!http_is_token(parameter->name)) return false;
  if (!text.at) return true;
  return is_quoted(parameter->value) ? is_quoted_token(parameter->value)
                                     : http_is_token(parameter->value);
}

int extension_number(struct slice value) {
  bool has_quotes = is_quoted(value);
  int number = 0, digits = 0;

  if (has_quotes) value = (struct slice){value.at + 1, value.length - 2};
  for (size_t i = 0; i < value.length; i++) {
    if (has_quotes && value.at[i] == '\\') continue;
    if (value.at[i] < '0' || value.at[i] > '9') return -1;
    if (digits == 4 || (digits > 0 && number == 0)) return -1;
    number = number * 10 + (value.at[i] - '0');
    digits++;
  }
  return digits > 0 ? number : -1;
}
