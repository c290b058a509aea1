#include "lesson.h"

#include <stdbool.h>
#include <string.h>

struct lesson {
  const char *reason, *text;
};

static const struct lesson lessons[] = {
    {"A frame has a reserved bit set, but no extension that defines it was "
     "agreed on.",
     "RFC 6455 5.2: RSV1 to RSV3 are 0 unless an extension defines them; the "
     "client must compress only where the 101 agreed to it."},
    {"A frame has a reserved opcode.",
     "RFC 6455 5.2: only 0 to 2 and 8 to 10 are opcodes; mend the client's "
     "library, or look for bytes that are no frames."},
    {"A control frame is fragmented.",
     "RFC 6455 5.5: close, ping and pong are whole, with FIN; mend the "
     "client's library."},
    {"A continuation frame came without a message to continue.",
     "RFC 6455 5.4: a message begins with a text or binary frame; mend the "
     "client's library."},
    {"A new message began inside a fragmented one.",
     "RFC 6455 5.4: the fragments of one message end, with FIN, before the "
     "next begins; let only one thread of the client send at a time."},
    {"A frame from a client is not masked.",
     "RFC 6455 5.1: a client masks every frame; mend the client's library."},
    {"A frame from a server is masked.",
     "RFC 6455 5.1: a server masks no frame; mend the server's library."},
    {"A control frame is longer than 125 bytes.",
     "RFC 6455 5.5: send what is longer as a message."},
    {"A close frame has a payload of one byte.",
     "RFC 6455 5.5.1: a code has two bytes, or there is none; mend the "
     "client's library."},
    {"A frame's length is not written in its shortest form.",
     "RFC 6455 5.2: 7, 16 or 64 bits, the fewest that do; mend the client's "
     "library."},
    {"A frame's 64-bit length has its top bit set.",
     "RFC 6455 5.2: the most significant bit of a length is 0; mend the "
     "client's library."},
    {"The message is larger than is accepted here.",
     "RFC 6455 7.4.1, 1009: send it in parts, or raise maxMessageSize of the "
     "route."},
    {"A text message is not valid UTF-8.",
     "RFC 6455 8.1: send bytes that are no text as a binary message."},
    {"A text message ends inside a code point.",
     "RFC 6455 8.1: cut text between characters, or send it as a binary "
     "message."},
    {"A close frame has a code that must not be sent.",
     "RFC 6455 7.4: 1000 to 1003, 1007 to 1014 and 3000 to 4999 may be; an "
     "app's own are 4000 to 4999."},
    {"The reason in a close frame is not valid UTF-8.",
     "RFC 6455 5.5.1: a reason is text of 123 bytes at most, cut between "
     "characters."},
    {"the peer reads too slowly",
     "RFC 6455 7.4.1, 1013: send less, wait for onDrain, or raise "
     "maxBufferedAmount; overflow = \"drop\" leaves messages out instead."},
    {"A WebSocket handshake is a GET request.",
     "RFC 6455 4.1: connect by GET. Browsers and libraries do it right: look "
     "for a proxy that changes the handshake."},
    {"A WebSocket handshake needs HTTP/1.1.",
     "RFC 6455 4.1: a proxy has to speak HTTP/1.1 to this server: "
     "proxy_http_version 1.1 in nginx."},
    {"Upgrade does not list \"websocket\".",
     "RFC 6455 4.2.1: open the address by a WebSocket, not as a page; a proxy "
     "has to pass Upgrade on."},
    {"Connection does not list \"upgrade\".",
     "RFC 6455 4.2.1: a proxy has to pass Connection: Upgrade on."},
    {"Host is empty.",
     "RFC 9110 7.2: mend the client's library, or the proxy that cuts it."},
    {"A WebSocket handshake has no body.",
     "RFC 6455 4.1: send what the body has as the first message."},
    {"Sec-WebSocket-Version is missing.",
     "RFC 6455 4.2.1: it is 13. Browsers and libraries do it right: look for a "
     "proxy that changes the handshake."},
    {"Sec-WebSocket-Version is given twice.",
     "RFC 6455 4.2.1: it is there once. Browsers and libraries do it right: "
     "look for a proxy that changes the handshake."},
    {"Sec-WebSocket-Version is not 13.",
     "RFC 6455 4.4: the client is older than the RFC; take one that is not."},
    {"Sec-WebSocket-Key is missing.",
     "RFC 6455 4.2.1: Browsers and libraries do it right: look for a proxy "
     "that changes the handshake."},
    {"Sec-WebSocket-Key is given twice.",
     "RFC 6455 11.3.1: it is there once. Browsers and libraries do it right: "
     "look for a proxy that changes the handshake."},
    {"Sec-WebSocket-Key is not 16 bytes in base64.",
     "RFC 6455 4.1: 16 random bytes, 24 characters with two = at the end."},
    {"Sec-WebSocket-Protocol is not a list of tokens.",
     "RFC 6455 4.1: names without spaces and quotes, commas between them; a "
     "token of a user goes elsewhere."},
    {"Sec-WebSocket-Protocol has an item twice.",
     "RFC 6455 4.1: each name is offered once."},
    {"Sec-WebSocket-Protocol has more than 64 items.",
     "RFC 6455 11.3.4 sets no limit, this server does: offer fewer."},
    {"Sec-WebSocket-Extensions is malformed.",
     "RFC 6455 9.1: names, each with parameters behind semicolons."},
    {"The method is not known to this server.",
     "RFC 9110 15.6.2: use GET, POST, PUT, PATCH, DELETE or another of the "
     "registry."},
    {"The HTTP version is neither 1.0 nor 1.1.",
     "RFC 9112 2.3: have the client, or the proxy, speak HTTP/1.1."},
    {"The request target is malformed.",
     "RFC 9112 3.2: percent-encode what is no character of an address."},
    {"Content-Length is not a number.",
     "RFC 9110 8.6: digits only; mend the client's library."},
    {"Content-Length is repeated, or stands beside Transfer-Encoding.",
     "RFC 9112 6.3: one of them, once, or two programs read the request in two "
     "ways; mend the client's library."},
    {"Transfer-Encoding is malformed.", "RFC 9112 6.1: it is chunked."},
    {"The request head is malformed.",
     "RFC 9112 2.1: this is no HTTP; is it a TLS client on a plain port, or a "
     "scanner?"},
    {"There is no Host header.",
     "RFC 9112 3.2: HTTP/1.1 has one; mend the client's library, or the proxy "
     "that cuts it."},
    {"Host is given more than once.",
     "RFC 9112 3.2: one only; look for a proxy that adds a second."},
    {"Host is malformed.", "RFC 9110 7.2: a name or an address, and a port."},
    {"The request target is neither a path nor an absolute URI.",
     "RFC 9112 3.2: it begins with a slash, or with http://."},
    {"Content-Length is repeated.",
     "RFC 9112 6.3: once only; mend the client's library."},
    {"Content-Length is empty or too large.",
     "RFC 9110 8.6: a number of bytes; mend the client's library."},
    {"Transfer-Encoding does not end in chunked.",
     "RFC 9112 6.3: else nobody knows where the request ends; mend the "
     "client's library."},
    {"Transfer-Encoding says chunked twice.",
     "RFC 9112 6.1: once only; mend the client's library."},
    {"The transfer coding is not chunked.",
     "RFC 9112 6.1: chunked is the only one taken here; send the body as it "
     "is."},
    {"Both Content-Length and Transfer-Encoding are given.",
     "RFC 9112 6.1: one of them, or two programs read the request in two ways; "
     "mend the client's library."},
    {"Transfer-Encoding in HTTP/1.0.",
     "RFC 9112 6.1: have the client, or the proxy, speak HTTP/1.1."},
    {"The request does not begin with a method.",
     "RFC 9112 3.1: this is no HTTP; is it a TLS client on a plain port, or a "
     "scanner?"},
    {"The method is too long to be one.",
     "RFC 9112 3.1: this is no HTTP; is it a TLS client on a plain port, or a "
     "scanner?"},
    {"The request target has a fragment.",
     "RFC 9112 3.2: what stands behind # stays in the client."},
    {"The request line has no HTTP version.",
     "RFC 9112 3: method, target and HTTP/1.1, a space between them."},
    {"The request target is empty or has a byte that no URI has.",
     "RFC 3986 2: percent-encode it."},
    {"The request line does not end in HTTP/1.1 and CR LF.",
     "RFC 9112 3: a space in the address is written %20."},
    {"A header line begins with white space.",
     "RFC 9112 5.2: lines are not folded; mend the client's library."},
    {"A header has no name.",
     "RFC 9112 5: name, colon, value; mend the client's library."},
    {"A line ends in a bare LF.",
     "RFC 9112 2.2: lines end in CR LF; mend the client's library."},
    {"A header name has a byte that is not allowed.",
     "RFC 9110 5.1: letters, digits and some signs; mend the client's "
     "library."},
    {"There are more than 100 header lines.",
     "RFC 6585 5: send fewer; is it a loop between proxies that each add one?"},
    {"White space stands before a header's colon.",
     "RFC 9112 5.1: two programs would read that in two ways; mend the "
     "client's library."},
    {"A header line has no colon.",
     "RFC 9112 5: name, colon, value; mend the client's library."},
    {"A header value has a control character.", "RFC 9110 5.5: encode it."},
    {"A CR is not followed by LF.",
     "RFC 9112 2.2: lines end in CR LF; mend the client's library."},
    {"This is HTTP/2; HTTP/1.1 is spoken here.",
     "RFC 9113 3.3: have the client, or the proxy, speak HTTP/1.1."},
    {"The request line is larger than allowed.",
     "RFC 9110 15.5.15: send data in a body or a message, or raise "
     "maxHeaderSize."},
    {"The request head is larger than allowed.",
     "RFC 6585 5: are there many cookies? Send less, or raise maxHeaderSize."},
    {"The body is larger than allowed.",
     "RFC 9110 15.5.14: raise maxBodySize if it is meant to be."},
    {"Expect is not 100-continue.",
     "RFC 9110 10.1.1: there is no other expectation."},
    {"The chunks are malformed.", "RFC 9112 7.1: mend the client's library."},
    {"The request took too long.",
     "RFC 9110 15.5.9: a slow network, or a client that stopped; headerTimeout "
     "says how long the head may take."},
    {"The app did not answer in time.",
     "RFC 9110 15.6.4: the handler waits for something that does not come: "
     "ratchet.timeout bounds it."},
    {"no more connections are served",
     "RFC 9110 15.6.4: raise maxConnections or `ulimit -n`; `ratchet-lua "
     "doctor` says which it is."},
    {"This address has too many connections.",
     "RFC 6585 4: raise maxConnectionsPerAddress if they are meant to be, or "
     "name the proxy that they come through in trustedProxies."},
    {"the client took nothing of its answer for too long",
     "RFC 9112 9.5: it has gone, or reads nothing; nothing in the app is "
     "wrong."},
    {"closed: the PROXY header took too long",
     "PROXY protocol 2: the proxy has to send it first: send-proxy-v2 in "
     "HAProxy; or proxyProtocol is not meant for this address."},
    {"closed: its PROXY header is not that of a trusted proxy",
     "PROXY protocol 2: add the proxy's address to trustedProxies, and let "
     "only it reach the port."},
    {"closed: it does not begin with a PROXY header",
     "PROXY protocol 2: connect through the proxy: send-proxy-v2 in HAProxy; "
     "or proxyProtocol is not meant for this address."},
    {"Forwarded and X-Forwarded-For name different clients: neither is "
     "believed",
     "RFC 7239 8.1: let the proxy take away the one that it does not write."},
    {"A frame that does not begin a message is marked as compressed.",
     "RFC 7692 6.1: RSV1 is set in the first frame of a message only; mend the "
     "client's library."},
    {"A compressed message cannot be inflated.",
     "RFC 7692 7.2.2: the compressed bytes are damaged, or of another stream; "
     "mend the client's library, or connect without permessage-deflate."},
    {"closed: the TLS handshake took too long",
     "RFC 8446 4: a scanner, or a client that waits for a plain connection; is "
     "its address wss:// or https://?"},
    {"400: plain HTTP on a port that speaks TLS",
     "RFC 9110 4.2.2: write https:// or wss:// in the address; or listen "
     "without tls."},
    {"the TLS handshake failed*",
     "RFC 8446 6.2: old clients do not know TLS 1.2, others do not trust the "
     "certificate: `openssl s_client -connect HOST:PORT` shows more."},
};

/* A star at the end of a lesson's reason stands for whatever follows. */
static bool is_of(const char *pattern, const char *reason) {
  size_t length = strlen(pattern);
  if (pattern[length - 1] != '*') return strcmp(pattern, reason) == 0;
  return strncmp(pattern, reason, length - 1) == 0;
}

const char *lesson_of(const char *reason) {
  for (size_t i = 0; i < sizeof lessons / sizeof *lessons; i++) {
    if (is_of(lessons[i].reason, reason)) return lessons[i].text;
  }
  return "";
}

const char *lesson_joint(const char *reason) {
  size_t length = strlen(reason);
  if (*lesson_of(reason) == '\0') return "";
  return length > 0 && reason[length - 1] == '.' ? " " : "; ";
}
