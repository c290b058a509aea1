/*
 * mbedTLS signs ES256 as ASN.1 (RFC 3279 2.2.3): SEQUENCE { INTEGER r, INTEGER
 * s }. The signature itself is r and s, 32 bytes each (RFC 7518 3.4).
 */
#include "signature.h"

#include "base/random.h"
#include "digest.h"

#include <errno.h>
#include <mbedtls/asn1.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#include <string.h>

enum { HALF = SIGNATURE_ES256_SIZE / 2, RSA_BITS_LEAST = 2048, ASN1_MAX = 72 };

static int random_for_mbedtls(void *unused, unsigned char *to, size_t length) {
  (void)unused;
  return random_bytes(to, length) ? 0 : -1;
}

/* ---- keys */

static int parse_private(mbedtls_pk_context *key, struct slice pem) {
  const uint8_t *bytes = (const uint8_t *)pem.at;
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_pk_parse_key(key, bytes, pem.length, NULL, 0,
                              random_for_mbedtls, NULL);
#else
  return mbedtls_pk_parse_key(key, bytes, pem.length, NULL, 0);
#endif
}

static int parse_public(mbedtls_pk_context *key, struct slice pem) {
  return mbedtls_pk_parse_public_key(key, (const uint8_t *)pem.at, pem.length);
}

static mbedtls_ecp_group_id curve_of(const mbedtls_pk_context *key) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key));
#else
  return mbedtls_pk_ec(*key)->grp.id;
#endif
}

static bool is_for(const mbedtls_pk_context *key, enum signature_kind kind) {
  mbedtls_pk_type_t type = mbedtls_pk_get_type(key);
  if (kind == SIGNATURE_RS256) {
    size_t bits = mbedtls_pk_get_bitlen(key);
    return type == MBEDTLS_PK_RSA && bits >= RSA_BITS_LEAST &&
           bits / 8 <= SIGNATURE_MAX;
  }
  return type == MBEDTLS_PK_ECKEY && curve_of(key) == MBEDTLS_ECP_DP_SECP256R1;
}

/* ---- ES256 to and from ASN.1 */

static bool read_half(uint8_t **at, const uint8_t *end, uint8_t half[HALF]) {
  size_t length;
  if (mbedtls_asn1_get_tag(at, end, &length, MBEDTLS_ASN1_INTEGER)) {
    return false;
  }
  const uint8_t *from = *at;
  *at += length;
  for (; length > 0 && *from == 0; length--) from++;
  if (length > HALF) return false;
  memset(half, 0, HALF - length);
  memcpy(half + HALF - length, from, length);
  return true;
}

/* Over what it reads. */
static bool from_asn1(uint8_t *bytes, size_t *length) {
  uint8_t *at = bytes, raw[SIGNATURE_ES256_SIZE];
  size_t inner;
  int kind = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
  if (mbedtls_asn1_get_tag(&at, bytes + *length, &inner, kind)) return false;
  const uint8_t *end = at + inner;
  if (!read_half(&at, end, raw) || !read_half(&at, end, raw + HALF)) {
    return false;
  }
  memcpy(bytes, raw, sizeof raw);
  *length = sizeof raw;
  return true;
}

/* Returns what follows it. */
static uint8_t *write_half(uint8_t *to, const uint8_t half[HALF]) {
  size_t length = HALF;
  for (; length > 1 && *half == 0; length--) half++;
  size_t padding = *half >> 7; /* or it would be negative */
  *to++ = MBEDTLS_ASN1_INTEGER;
  *to++ = (uint8_t)(length + padding);
  *to = 0;
  memcpy(to + padding, half, length);
  return to + padding + length;
}

static size_t to_asn1(const uint8_t raw[SIGNATURE_ES256_SIZE],
                      uint8_t to[ASN1_MAX]) {
  uint8_t *end = write_half(write_half(to + 2, raw), raw + HALF);
  to[0] = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
  to[1] = (uint8_t)(end - to - 2);
  return (size_t)(end - to);
}

/* ---- signing and verifying */

static int sign(mbedtls_pk_context *key, const uint8_t digest[SHA256_SIZE],
                uint8_t *signature, size_t *length) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, digest, SHA256_SIZE, signature,
                         SIGNATURE_MAX, length, random_for_mbedtls, NULL);
#else
  return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, digest, SHA256_SIZE, signature,
                         length, random_for_mbedtls, NULL);
#endif
}

int signature_sign(enum signature_kind kind, struct slice pem,
                   struct slice data, uint8_t signature[SIGNATURE_MAX],
                   size_t *length) {
  uint8_t digest[SHA256_SIZE];
  mbedtls_pk_context key;
  int status = 0;
  mbedtls_pk_init(&key);
  if (parse_private(&key, pem) != 0) {
    status = -EINVAL;
  } else if (!is_for(&key, kind)) {
    status = -ENOTSUP;
  } else if (!digest_sha256(data, digest) ||
             sign(&key, digest, signature, length) != 0 ||
             (kind == SIGNATURE_ES256 && !from_asn1(signature, length))) {
    status = -EIO;
  }
  mbedtls_pk_free(&key);
  return status;
}

static bool verify(mbedtls_pk_context *key, enum signature_kind kind,
                   const uint8_t digest[SHA256_SIZE], struct slice signature) {
  uint8_t asn1[ASN1_MAX];
  const uint8_t *bytes = (const uint8_t *)signature.at;
  size_t length = signature.length;
  if (kind == SIGNATURE_ES256) {
    if (length != SIGNATURE_ES256_SIZE) return false;
    length = to_asn1(bytes, asn1);
    bytes = asn1;
  }
  return mbedtls_pk_verify(key, MBEDTLS_MD_SHA256, digest, SHA256_SIZE, bytes,
                           length) == 0;
}

int signature_verify(enum signature_kind kind, struct slice pem,
                     struct slice data, struct slice signature,
                     bool *is_right) {
  uint8_t digest[SHA256_SIZE];
  mbedtls_pk_context key;
  int status = 0;
  mbedtls_pk_init(&key);
  if (parse_public(&key, pem) != 0) {
    status = -EINVAL;
  } else if (!is_for(&key, kind)) {
    status = -ENOTSUP;
  } else {
    status = digest_sha256(data, digest) ? 0 : -EIO;
    *is_right = status == 0 && verify(&key, kind, digest, signature);
  }
  mbedtls_pk_free(&key);
  return status;
}
