#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls_records.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 16 }; /* pairs in the pool; each 33 KiB */

#define IS_KNOWN                                                               \
  ((MBEDTLS_VERSION_MAJOR == 2 && MBEDTLS_VERSION_MINOR == 28) ||              \
   (MBEDTLS_VERSION_MAJOR == 3 && MBEDTLS_VERSION_MINOR == 6))

int tls_records_alert(const mbedtls_ssl_context *ssl) {
  return ssl->in_msg ? ssl->in_msg[1] : -1;
}

#if IS_KNOWN && !defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)

/* Made by the library's calloc, and freed by free as it does: the library in
 * Debian has no allocator of ours. */
struct pair {
  unsigned char *in, *out;
};

/* Of the process: there is one loop in it, and the library makes all buffers
 * alike. */
static struct {
  struct pair pairs[KEPT];
  int count;
} pool;

enum { COUNTER = 8 }; /* the number of the record, before its header */

/* In TLS 1.3 the library keeps what it shook hands with, 7 KiB, to the end,
 * where a server has no use for it: it is given to a context that is freed. */
static void drop_handshake(mbedtls_ssl_context *ssl) {
#ifdef TLS_HAS_1_3
  mbedtls_ssl_context husk;
  if (!ssl->handshake || ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3 ||
      ssl->conf->endpoint != MBEDTLS_SSL_IS_SERVER) {
    return;
  }
  mbedtls_ssl_init(&husk);
  husk.conf = ssl->conf;
  husk.handshake = ssl->handshake;
  husk.session_negotiate = ssl->session_negotiate;
  husk.transform_negotiate = ssl->transform_negotiate;
  ssl->handshake = NULL;
  ssl->session_negotiate = NULL;
  ssl->transform_negotiate = NULL;
  mbedtls_ssl_free(&husk);
#else
  (void)ssl;
#endif
}

static bool has_shaken_hands(const mbedtls_ssl_context *ssl) {
  if (ssl->state != MBEDTLS_SSL_HANDSHAKE_OVER) return false;
#ifdef TLS_HAS_1_3
  if (ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3) return true;
#endif
  return !ssl->handshake;
}

/* Between two records, with the handshake behind it and nothing half sent? */
static bool is_between(const mbedtls_ssl_context *ssl) {
  return has_shaken_hands(ssl) && ssl->in_left == 0 && !ssl->in_offt &&
         ssl->in_hslen == 0 && ssl->in_msglen == 0 &&
         !ssl->keep_current_message && ssl->in_hdr == ssl->in_buf + COUNTER &&
         ssl->out_left == 0 && ssl->out_hdr == ssl->out_buf + COUNTER &&
         ssl->in_msg - ssl->in_buf < UINT8_MAX &&
         ssl->out_msg - ssl->out_buf < UINT8_MAX;
}

/* Every pointer into a buffer moves with it. */
static void move_in(mbedtls_ssl_context *ssl, unsigned char *to, int message) {
  ssl->in_buf = to;
  ssl->in_ctr = to;
  ssl->in_hdr = to + COUNTER;
  ssl->in_len = ssl->in_hdr + 3;
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
  ssl->in_cid = ssl->in_len;
#endif
  ssl->in_iv = ssl->in_hdr + 5;
  ssl->in_msg = to + message;
}

static void move_out(mbedtls_ssl_context *ssl, unsigned char *to, int message) {
  ssl->out_buf = to;
  ssl->out_ctr = to;
  ssl->out_hdr = to + COUNTER;
  ssl->out_len = ssl->out_hdr + 3;
#ifdef MBEDTLS_SSL_DTLS_CONNECTION_ID
  ssl->out_cid = ssl->out_len;
#endif
  ssl->out_iv = ssl->out_hdr + 5;
  ssl->out_msg = to + message;
}

/* Their size is the library's secret: a context that is set up has two. */
static bool make_pair(const mbedtls_ssl_config *config, struct pair *pair) {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_init(&ssl);
  bool is_made = mbedtls_ssl_setup(&ssl, config) == 0;
  if (is_made) {
    *pair = (struct pair){ssl.in_buf, ssl.out_buf};
    ssl.in_buf = ssl.out_buf = NULL;
  }
  mbedtls_ssl_free(&ssl);
  return is_made;
}

bool tls_records_take(mbedtls_ssl_context *ssl, struct tls_loan *loan) {
  struct pair pair;
  if (!loan->is_lent) return true;
  if (pool.count > 0)
    pair = pool.pairs[--pool.count];
  else if (!make_pair(ssl->conf, &pair))
    return false;
  move_in(ssl, pair.in, loan->in_message);
  move_out(ssl, pair.out, loan->out_message);
  memcpy(ssl->in_ctr, loan->counter, COUNTER);
  loan->is_lent = false;
  return true;
}

static void keep_pair(struct pair pair) {
  if (pool.count < KEPT) {
    pool.pairs[pool.count++] = pair;
    return;
  }
  free(pair.in);
  free(pair.out);
}

/* The other pointers into the buffers stay as they are: take sets them all
 * before anybody looks. */
void tls_records_give(mbedtls_ssl_context *ssl, struct tls_loan *loan) {
  if (loan->is_lent || !is_between(ssl)) return;
  drop_handshake(ssl);
  struct pair pair = {ssl->in_buf, ssl->out_buf};
  memcpy(loan->counter, ssl->in_ctr, COUNTER);
  loan->in_message = (uint8_t)(ssl->in_msg - ssl->in_buf);
  loan->out_message = (uint8_t)(ssl->out_msg - ssl->out_buf);
  ssl->in_buf = ssl->out_buf = NULL; /* what mbedtls_ssl_free would free */
  loan->is_lent = true;
  keep_pair(pair);
}

void tls_records_drain(void) {
  while (pool.count > 0) {
    struct pair pair = pool.pairs[--pool.count];
    free(pair.in);
    free(pair.out);
  }
}

#else

bool tls_records_take(mbedtls_ssl_context *ssl, struct tls_loan *loan) {
  (void)ssl;
  (void)loan;
  return true;
}

void tls_records_give(mbedtls_ssl_context *ssl, struct tls_loan *loan) {
  (void)ssl;
  (void)loan;
}

void tls_records_drain(void) {
}

#endif
