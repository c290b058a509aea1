/* libraries - what this layer is built on, for `ratchet-lua --version`. */
#ifndef RATCHET_PROTO_LIBRARIES_H
#define RATCHET_PROTO_LIBRARIES_H

/* "llhttp 9.2.1, zlib 1.3.1, Mbed TLS 3.6.2": of zlib and mbedTLS what runs, of
 * llhttp, which does not tell, what was built with. */
const char *proto_libraries(void);

#endif
