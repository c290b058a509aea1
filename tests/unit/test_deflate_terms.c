/*
 * test_deflate_terms - offers of permessage-deflate and the answers to them, by
 * a server and by a client (RFC 7692 5, 7.1). The rows D02 to D17 of the
 * acceptance list are here; tests/integration/deflate_test.js has them too.
 */
#include "check.h"
#include "proto/deflate_terms.h"

#include <stdio.h>

#define HEAD                                                                   \
  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"                        \
  "Connection: Upgrade\r\n"
#define PMD   "permessage-deflate"
#define SNCT  "; server_no_context_takeover"
#define CNCT  "; client_no_context_takeover"
#define SBITS "; server_max_window_bits"
#define CBITS "; client_max_window_bits"

/* What a server that wants no context, any, or any in 1 KiB makes of it. */
static const struct deflate_settings shared = {
    .is_wanted = true, .level = 1, .window_bits = 15, .memory_level = 8};
static const struct deflate_settings dedicated = {.is_wanted = true,
                                                  .keeps_server_context = true,
                                                  .keeps_client_context = true,
                                                  .level = 1,
                                                  .window_bits = 15,
                                                  .memory_level = 8};
static const struct deflate_settings small = {.is_wanted = true,
                                              .keeps_server_context = true,
                                              .keeps_client_context = true,
                                              .level = 1,
                                              .window_bits = 10,
                                              .memory_level = 1};

/* The answer to a value of the header; "" when every offer is declined. A value
 * with "|" in it stands on as many lines. */
static const char *answer(const char *value,
                          const struct deflate_settings *settings) {
  static char text[2048];
  static char terms_text[DEFLATE_TERMS_MAX];
  struct http_head head;
  struct refusal refusal;
  struct deflate_terms terms;
  struct slice rest = slice_of(value);
  int length = snprintf(text, sizeof text, HEAD);

  while (rest.at) {
    struct slice line = slice_cut(&rest, '|');
    length += snprintf(text + length, sizeof text - (size_t)length,
                       "Sec-WebSocket-Extensions: %.*s\r\n", (int)line.length,
                       line.at);
  }
  length += snprintf(text + length, sizeof text - (size_t)length, "\r\n");
  const char *bytes = (const char *)guarded(text, (size_t)length);
  if (!http_head_parse(&head, bytes, (size_t)length, &refusal)) return "?";
  terms_text[0] = '\0';
  if (deflate_accept(&head, settings, &terms)) {
    size_t written = deflate_write_terms(&terms, terms_text);
    CHECK_EQ(written, strlen(terms_text));
  }
  return terms_text;
}

static const struct {
  const char *name, *offer;
  const char *shared, *dedicated, *small; /* the answers; NULL: declined */
} offers[] = {
    {"the plain one", PMD, PMD SNCT CNCT, PMD, PMD SBITS "=10"},
    {"a browser's", PMD CBITS, PMD SNCT CNCT, PMD, PMD SBITS "=10" CBITS "=10"},
    {"server_no_context_takeover", PMD SNCT, PMD SNCT CNCT, PMD SNCT,
     PMD SNCT SBITS "=10"},
    {"client_no_context_takeover", PMD CNCT, PMD SNCT CNCT, PMD CNCT,
     PMD CNCT SBITS "=10"},
    {"both", PMD SNCT CNCT, PMD SNCT CNCT, PMD SNCT CNCT,
     PMD SNCT CNCT SBITS "=10"},
    {"D16 server bits 9", PMD SBITS "=9", PMD SNCT CNCT SBITS "=9",
     PMD SBITS "=9", PMD SBITS "=9"},
    {"D17 server bits 10", PMD SBITS "=10", PMD SNCT CNCT SBITS "=10",
     PMD SBITS "=10", PMD SBITS "=10"},
    {"server bits 12", PMD SBITS "=12", PMD SNCT CNCT SBITS "=12",
     PMD SBITS "=12", PMD SBITS "=10"},
    {"server bits 15", PMD SBITS "=15", PMD SNCT CNCT SBITS "=15",
     PMD SBITS "=15", PMD SBITS "=10"},
    {"client bits 8", PMD CBITS "=8", PMD SNCT CNCT CBITS "=8", PMD CBITS "=8",
     PMD SBITS "=10" CBITS "=8"},
    {"client bits 12", PMD CBITS "=12", PMD SNCT CNCT CBITS "=12",
     PMD CBITS "=12", PMD SBITS "=10" CBITS "=10"},
    {"client bits 15", PMD CBITS "=15", PMD SNCT CNCT, PMD,
     PMD SBITS "=10" CBITS "=10"},
    {"client bits with no context", PMD CNCT CBITS, PMD SNCT CNCT, PMD CNCT,
     PMD CNCT SBITS "=10"},
    {"all four", PMD SNCT CNCT SBITS "=11" CBITS "=9",
     PMD SNCT CNCT SBITS "=11" CBITS "=9", PMD SNCT CNCT SBITS "=11" CBITS "=9",
     PMD SNCT CNCT SBITS "=10" CBITS "=9"},
    {"another order", PMD CBITS "=9" SNCT, PMD SNCT CNCT CBITS "=9",
     PMD SNCT CBITS "=9", PMD SNCT SBITS "=10" CBITS "=9"},
    {"quoted", PMD SBITS "=\"11\"", PMD SNCT CNCT SBITS "=11", PMD SBITS "=11",
     PMD SBITS "=10"},
    {"quoted with an escape", PMD SBITS "=\"1\\1\"", PMD SNCT CNCT SBITS "=11",
     PMD SBITS "=11", PMD SBITS "=10"},
    {"white space", "  " PMD "\t ;\tserver_max_window_bits = 11 ",
     PMD SNCT CNCT SBITS "=11", PMD SBITS "=11", PMD SBITS "=10"},

    {"D15 server bits 8", PMD SBITS "=8", NULL, NULL, NULL},
    {"D02 server bits 16", PMD SBITS "=16", NULL, NULL, NULL},
    {"D03 server bits 7", PMD SBITS "=7", NULL, NULL, NULL},
    {"D04 server bits 08", PMD SBITS "=08", NULL, NULL, NULL},
    {"D05 server bits without a value", PMD SBITS, NULL, NULL, NULL},
    {"D06 server bits abc", PMD SBITS "=abc", NULL, NULL, NULL},
    {"D07 server bits -9", PMD SBITS "=-9", NULL, NULL, NULL},
    {"D08 server bits 2^32 + 9", PMD SBITS "=4294967305", NULL, NULL, NULL},
    {"server bits 0", PMD SBITS "=0", NULL, NULL, NULL},
    {"server bits 10.0", PMD SBITS "=10.0", NULL, NULL, NULL},
    {"server bits 010, quoted", PMD SBITS "=\"010\"", NULL, NULL, NULL},
    {"D09 client bits 16", PMD CBITS "=16", NULL, NULL, NULL},
    {"client bits 7", PMD CBITS "=7", NULL, NULL, NULL},
    {"client bits 08", PMD CBITS "=08", NULL, NULL, NULL},
    {"D10 a flag with a value", PMD SNCT "=1", NULL, NULL, NULL},
    {"the other flag with a value", PMD CNCT "=true", NULL, NULL, NULL},
    {"D11 a flag twice", PMD SNCT SNCT, NULL, NULL, NULL},
    {"the other flag twice", PMD CNCT CNCT, NULL, NULL, NULL},
    {"server bits twice", PMD SBITS "=10" SBITS "=10", NULL, NULL, NULL},
    {"client bits twice", PMD CBITS CBITS "=10", NULL, NULL, NULL},
    {"D12 an unknown parameter", PMD "; x_none", NULL, NULL, NULL},
    {"an unknown parameter with a value", PMD "; mem_level=8", NULL, NULL,
     NULL},
    {"a parameter in capitals", PMD "; SERVER_NO_CONTEXT_TAKEOVER", NULL, NULL,
     NULL},
    {"a malformed parameter", PMD "; a b", NULL, NULL, NULL},
    {"another extension", "x-webkit-deflate-frame", NULL, NULL, NULL},
    {"one whose name begins the same", PMD "-2", NULL, NULL, NULL},
    {"malformed", "; ;", NULL, NULL, NULL},

    {"D13 a bad one, then a good one", PMD SBITS "=8, " PMD, PMD SNCT CNCT, PMD,
     PMD SBITS "=10"},
    {"three bad ones, then a good one",
     PMD "; x, " PMD SBITS "=16, x, " PMD SNCT, PMD SNCT CNCT, PMD SNCT,
     PMD SNCT SBITS "=10"},
    {"the first of two good ones", PMD SNCT SBITS "=9, " PMD,
     PMD SNCT CNCT SBITS "=9", PMD SNCT SBITS "=9", PMD SNCT SBITS "=9"},
    {"D14 on two lines", PMD SBITS "=8|" PMD CBITS "=9",
     PMD SNCT CNCT CBITS "=9", PMD CBITS "=9", PMD SBITS "=10" CBITS "=9"},
    {"behind another on a line before", "x; y=1|" PMD, PMD SNCT CNCT, PMD,
     PMD SBITS "=10"},
    {"before another", PMD ", x", PMD SNCT CNCT, PMD, PMD SBITS "=10"},
};

TEST(deflate_terms_answer_each_offer) {
  for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
    const char *none = "";
    check_context("%s", offers[i].name);
    CHECK_TEXT(answer(offers[i].offer, &shared),
               offers[i].shared ? offers[i].shared : none);
    CHECK_TEXT(answer(offers[i].offer, &dedicated),
               offers[i].dedicated ? offers[i].dedicated : none);
    CHECK_TEXT(answer(offers[i].offer, &small),
               offers[i].small ? offers[i].small : none);
  }
}

TEST(deflate_terms_are_nothing_unless_wanted) {
  struct deflate_settings off = shared;

  off.is_wanted = false;
  CHECK_TEXT(answer(PMD, &off), "");
  CHECK(!deflate_settings_default.is_wanted);
}

/* ---- the client's part */

/* "agreed", "declined" or "failed", and the terms. */
static const char *judge(const struct deflate_settings *settings,
                         const char *lines, struct deflate_terms *terms) {
  static char text[DEFLATE_TERMS_MAX];
  const char *reason = NULL;
  struct deflate_terms offer = deflate_offer(settings);
  struct http_head head = {.count = 0};
  struct slice rest = slice_of(lines);

  while (rest.at) {
    head.headers[head.count++] = (struct http_header){
        SLICE("Sec-WebSocket-Extensions"), slice_cut(&rest, '|')};
  }
  int result = deflate_read_answer(&head, &offer, terms, &reason);
  CHECK_EQ(result < 0, reason != NULL);
  if (result < 0) return "failed";
  if (result == 0) return "declined";
  deflate_write_terms(terms, text);
  return text;
}

static const char *offered(const struct deflate_settings *settings) {
  static char text[DEFLATE_TERMS_MAX];
  struct deflate_terms offer = deflate_offer(settings);

  size_t written = deflate_write_offer(&offer, text);
  CHECK_EQ(written, strlen(text));
  return text;
}

TEST(deflate_terms_are_offered) {
  CHECK_TEXT(offered(&shared), PMD SNCT CNCT CBITS);
  CHECK_TEXT(offered(&dedicated), PMD CBITS);
  CHECK_TEXT(offered(&small), PMD SBITS "=10" CBITS "=10");
}

static const struct {
  const char *name, *answer;
  const struct deflate_settings *settings;
  const char *result;
} answers[] = {
    {"none", "", &dedicated, "declined"},
    {"plain", PMD, &dedicated, PMD},
    {"more than was asked", PMD SNCT CNCT, &dedicated, PMD SNCT CNCT},
    {"smaller windows", PMD SBITS "=9" CBITS "=9", &dedicated,
     PMD SBITS "=9" CBITS "=9"},
    {"a client window of 8", PMD CBITS "=8", &dedicated, PMD CBITS "=8"},
    {"a server window of 8", PMD SBITS "=8", &dedicated, PMD SBITS "=8"},
    {"quoted", PMD SBITS "=\"9\"", &dedicated, PMD SBITS "=9"},
    {"what was asked", PMD SNCT, &shared, PMD SNCT CNCT},
    {"not what was asked", PMD, &shared, "failed"},
    {"not the other that was asked", PMD CNCT, &shared, "failed"},
    {"windows as offered", PMD SBITS "=10" CBITS "=10", &small,
     PMD SBITS "=10" CBITS "=10"},
    {"the client's unsaid", PMD SBITS "=10", &small, PMD SBITS "=10"},
    {"the server's unsaid", PMD CBITS "=10", &small, "failed"},
    {"a larger window", PMD SBITS "=11", &small, "failed"},
    {"a larger client window", PMD SBITS "=10" CBITS "=11", &small, "failed"},
    {"client bits without a value", PMD CBITS, &dedicated, "failed"},
    {"server bits without a value", PMD SBITS, &dedicated, "failed"},
    {"bits 16", PMD SBITS "=16", &dedicated, "failed"},
    {"bits 7", PMD CBITS "=7", &dedicated, "failed"},
    {"a flag with a value", PMD SNCT "=1", &dedicated, "failed"},
    {"a flag twice", PMD SNCT SNCT, &dedicated, "failed"},
    {"an unknown parameter", PMD "; x", &dedicated, "failed"},
    {"an unknown extension", "x", &dedicated, "failed"},
    {"an unknown extension beside it", PMD ", x", &dedicated, "failed"},
    {"twice", PMD ", " PMD, &dedicated, "failed"},
    {"twice, on two lines", PMD "|" PMD, &dedicated, "failed"},
    {"malformed", PMD "; a b", &dedicated, "failed"},
    {"malformed altogether", "; ", &dedicated, "failed"},
};

TEST(deflate_terms_of_an_answer_are_judged) {
  struct deflate_terms terms;

  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    check_context("%s", answers[i].name);
    CHECK_TEXT(judge(answers[i].settings, answers[i].answer, &terms),
               answers[i].result);
  }
}

/* Where the answer says nothing of the client's window, the offer holds. */
TEST(deflate_terms_of_a_client_keep_to_its_offer) {
  struct deflate_terms terms;

  judge(&small, PMD SBITS "=10", &terms);
  CHECK_EQ(terms.client.window_bits, 10);
  judge(&dedicated, PMD CBITS "=8", &terms);
  CHECK_EQ(terms.client.window_bits, 8);
}

/* What a server of ours answers is good for a client of ours. */
TEST(deflate_terms_of_both_sides_fit) {
  static const struct deflate_settings *const all[] = {&shared, &dedicated,
                                                       &small};
  struct deflate_terms terms;

  for (size_t client = 0; client < 3; client++) {
    for (size_t server = 0; server < 3; server++) {
      const char *said = answer(offered(all[client]), all[server]);
      check_context("client %zu, server %zu: %s", client, server, said);
      CHECK(strncmp(judge(all[client], said, &terms), PMD, 18) == 0);
    }
  }
}
