/*
 * test_forwarded - whom a request comes from. Trusted are 10.0.0.0/8 and ::1;
 * the request comes from 10.0.0.1:4321 unless a test says otherwise.
 */
#include "check.h"
#include "proto/forwarded.h"

#include <stdio.h>
#include <string.h>

#define X "X-Forwarded-For: "
#define F "Forwarded: "
#define P "X-Forwarded-Proto: "

static struct network list[2];
static const struct networks trusted = {2, list};

static void parse_trusted(void) {
  CHECK(network_parse(SLICE("10.0.0.0/8"), &list[0]));
  CHECK(network_parse(SLICE("::1"), &list[1]));
}

/* "203.0.113.7 80 secure", or "doubt" when neither header is believed. */
static const char *client_from(const char *peer, const char *lines) {
  static char text[128];
  char bytes[4096], shown[ADDRESS_TEXT_MAX];
  struct http_head head;
  struct refusal refusal;
  struct forwarded result;
  struct address address;

  parse_trusted();
  int length = snprintf(bytes, sizeof bytes,
                        "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
  const void *copy = guarded(bytes, (size_t)length);
  CHECK(address_parse(slice_of(peer), &address));
  address.port = 4321;
  CHECK(http_head_parse(&head, copy, (size_t)length, &refusal));
  bool is_sure = forwarded_read(&head, &trusted, address, &result);
  address_format(&result.client, shown);
  snprintf(text, sizeof text, "%s %d%s%s", shown, result.client.port,
           result.is_secure ? " secure" : "", is_sure ? "" : " doubt");
  return text;
}

struct forwarded_vector {
  const char *lines, *client;
};

static void check_all(const struct forwarded_vector *vectors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    check_context("%s", vectors[i].lines);
    CHECK_TEXT(client_from("10.0.0.1", vectors[i].lines), vectors[i].client);
  }
}

#define PEER "10.0.0.1 4321"

TEST(forwarded_for_is_read_from_right_to_left) {
  static const struct forwarded_vector vectors[] = {
      {"", PEER},
      {X "203.0.113.7\r\n", "203.0.113.7 0"},
      {X "203.0.113.7:5000\r\n", "203.0.113.7 5000"},
      {X "2001:db8::7\r\n", "2001:db8::7 0"},
      {X "[2001:db8::7]:5000\r\n", "2001:db8::7 5000"},
      {X "[2001:db8::7]\r\n", "2001:db8::7 0"},
      {X "::ffff:203.0.113.7\r\n", "203.0.113.7 0"},
      {X "1.1.1.1, 203.0.113.7\r\n", "203.0.113.7 0"},
      {X "1.1.1.1, 203.0.113.7,10.0.0.2 ,\t10.0.0.3\r\n", "203.0.113.7 0"},
      {X "1.1.1.1\r\n" X "203.0.113.7\r\n", "203.0.113.7 0"},
      {X "203.0.113.7\r\nA: b\r\nx-forwarded-for: 10.0.0.2\r\n",
       "203.0.113.7 0"},
      {X "10.0.0.9, 10.0.0.2\r\n", "10.0.0.9 0"},
      {X "1.1.1.1, unknown, 10.0.0.2\r\n", "10.0.0.2 0"},
      {X "1.1.1.1,, 10.0.0.2\r\n", "10.0.0.2 0"},
      {X "1.1.1.1, 10.0.0.2,\r\n", PEER},
      {X "\r\n", PEER},
      {X "evil\r\n", PEER},
      {X "203.0.113.7:99999\r\n", PEER},
      {X "203.0.113.7:\r\n", PEER},
      {X "203.0.113.7 80\r\n", PEER},
      {X "[203.0.113.7]\r\n", PEER},
      {X "[2001:db8::7\r\n", PEER},
      {X "[2001:db8::7]80\r\n", PEER},
      {X "\"203.0.113.7\"\r\n", PEER},
  };
  check_all(vectors, sizeof vectors / sizeof *vectors);
}

TEST(forwarded_of_rfc_7239_is_read) {
  static const struct forwarded_vector vectors[] = {
      {F "for=203.0.113.7\r\n", "203.0.113.7 0"},
      {F "For=\"203.0.113.7:5000\";proto=http\r\n", "203.0.113.7 5000"},
      {F "for=\"[2001:db8::7]:4711\";Proto=HTTPS;by=1.1.1.1\r\n",
       "2001:db8::7 4711 secure"},
      {F "for=\"[2001:db8::7]\"\r\n", "2001:db8::7 0"},
      {F "for=\"203.0.113.7:_hidden\"\r\n", "203.0.113.7 0"},
      {F "for=1.1.1.1, for=203.0.113.7 , for=10.0.0.2\r\n", "203.0.113.7 0"},
      {F "for=1.1.1.1\r\n" F "for=203.0.113.7;proto=wss\r\n",
       "203.0.113.7 0 secure"},
      {F "for=203.0.113.7;proto=https, for=10.0.0.2;proto=http\r\n",
       "203.0.113.7 0 secure"},
      {F "for=1.1.1.1;proto=https, for=203.0.113.7;proto=http\r\n",
       "203.0.113.7 0"},
      {F "for=203.0.113.7;host=\"a, for=1.1.1.1; b\"\r\n", "203.0.113.7 0"},
      /* A quote that the client leaves open takes nothing in. */
      {F "for=\"1.1.1.1, for=203.0.113.7\r\n", "203.0.113.7 0"},
      {F "host=\"\r\n" F "for=203.0.113.7\r\n", "203.0.113.7 0"},
      /* What is no address ends it. */
      {F "for=1.1.1.1, for=unknown\r\n", PEER},
      {F "for=1.1.1.1, for=_secret, for=10.0.0.2\r\n", "10.0.0.2 0"},
      {F "for=1.1.1.1, proto=https\r\n", PEER " secure"},
      {F "for=1.1.1.1;for=2.2.2.2\r\n", PEER},
      {F "for=[2001:db8::7]\r\n", PEER},
      {F "for=\"203.0.113.7\r\n", PEER},
      {F "for=\"203.0.113.7\\\"\"\r\n", PEER},
      {F "for=203.0.113.7;host=\"x\\\", for=6.6.6.6;a=\\\"y\"\r\n", PEER},
      {F "for 203.0.113.7\r\n", PEER},
      {F "for=\r\n", PEER},
      {F "for=203.0.113.7;=b\r\n", PEER},
      {F "\r\n", PEER},
      {F ",\r\n", PEER},
      {F ";;for=203.0.113.7;\r\n", "203.0.113.7 0"},
  };
  check_all(vectors, sizeof vectors / sizeof *vectors);
}

TEST(forwarded_proto_is_that_of_the_client) {
  static const struct forwarded_vector vectors[] = {
      {P "https\r\n", PEER " secure"},
      {P "WSS\r\n", PEER " secure"},
      {P "http\r\n", PEER},
      {P "https, http\r\n", PEER},
      {X "203.0.113.7\r\n" P "https\r\n", "203.0.113.7 0 secure"},
      {X "203.0.113.7\r\n" P "https, http\r\n", "203.0.113.7 0"},
      {X "203.0.113.7\r\n" P "http, https\r\n", "203.0.113.7 0 secure"},
      {X "203.0.113.7, 10.0.0.2\r\n" P "https, http\r\n",
       "203.0.113.7 0 secure"},
      {X "203.0.113.7, 10.0.0.2\r\n" P "https\r\n", "203.0.113.7 0 secure"},
      {X "203.0.113.7, 10.0.0.2\r\n" P "https\r\n" P "http\r\n",
       "203.0.113.7 0 secure"},
      {X "203.0.113.7, 10.0.0.2\r\n" P "https, http, http\r\n",
       "203.0.113.7 0"},
      {X "203.0.113.7\r\n" P "\r\n", "203.0.113.7 0"},
  };
  check_all(vectors, sizeof vectors / sizeof *vectors);
}

TEST(forwarded_and_x_forwarded_for_must_agree) {
  static const struct forwarded_vector vectors[] = {
      {F "for=203.0.113.7\r\n" X "203.0.113.7\r\n", "203.0.113.7 0"},
      {F "for=\"203.0.113.7:80\"\r\n" X "203.0.113.7\r\n", "203.0.113.7 80"},
      {F "for=1.1.1.1\r\n" X "203.0.113.7\r\n", PEER " doubt"},
      {F "for=203.0.113.7\r\n" X "1.1.1.1\r\n", PEER " doubt"},
      {F "evil\r\n" X "203.0.113.7\r\n", PEER " doubt"},
      {F "for=203.0.113.7;proto=https\r\n" X "203.0.113.7\r\n" P "http\r\n",
       "203.0.113.7 0"},
      {F "for=203.0.113.7;proto=https\r\n" P "https\r\n",
       "203.0.113.7 0 secure"},
      {F "for=203.0.113.7\r\n" P "https\r\n", "203.0.113.7 0"},
  };
  check_all(vectors, sizeof vectors / sizeof *vectors);
}

TEST(forwarded_by_those_who_are_not_trusted_is_nothing) {
  CHECK_TEXT(client_from("11.0.0.1", X "203.0.113.7\r\n" P "https\r\n"),
             "11.0.0.1 4321");
  CHECK_TEXT(client_from("11.0.0.1", F "for=203.0.113.7;proto=https\r\n"),
             "11.0.0.1 4321");
  CHECK_TEXT(client_from("11.0.0.1", F "for=1.1.1.1\r\n" X "2.2.2.2\r\n"),
             "11.0.0.1 4321");
  CHECK_TEXT(client_from("::1", X "203.0.113.7\r\n"), "203.0.113.7 0");
}
