#include "tls_identity.h"

#include "base/mem.h"

#include <errno.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <time.h>

void tls_identity_init(struct tls_identity *identity) {
  mbedtls_x509_crt_init(&identity->chain);
  mbedtls_pk_init(&identity->key);
}

void tls_identity_free(struct tls_identity *identity) {
  mbedtls_x509_crt_free(&identity->chain);
  mbedtls_pk_free(&identity->key);
}

/* ---- files */

enum { FILE_MOST = 4 * 1024 * 1024 };

/* The bytes of a file and a NUL, which the library wants at the end of PEM. It
 * may hold a key: close_file forgets it. */
struct file {
  unsigned char *bytes;
  size_t length; /* with the NUL */
};

static bool complain(char *error, const char *path, const char *cause) {
  snprintf(error, TLS_ERROR_MAX, "%s: %s", path, cause);
  return false;
}

static bool read_stream(struct file *file, FILE *stream) {
  size_t capacity = 0, length = 0, got;
  do {
    if (capacity - length < 2) {
      capacity = capacity ? capacity * 2 : 4096;
      unsigned char *larger =
          capacity > FILE_MOST ? NULL : mem_resize(file->bytes, capacity);
      if (!larger) return false;
      file->bytes = larger;
    }
    got = fread(file->bytes + length, 1, capacity - length - 1, stream);
    length += got;
  } while (got > 0);
  file->bytes[length] = '\0';
  file->length = length + 1;
  return true;
}

static void close_file(struct file *file) {
  if (file->bytes) mbedtls_platform_zeroize(file->bytes, file->length);
  mem_free(file->bytes);
}

static bool open_file(struct file *file, const char *path, char *error) {
  *file = (struct file){0};
  FILE *stream = fopen(path, "rb");
  if (!stream) return complain(error, path, strerror(errno));
  errno = 0;
  bool is_read = read_stream(file, stream);
  bool is_broken = ferror(stream) != 0;
  int cause = errno;
  fclose(stream);
  if (is_read && !is_broken) return true;
  close_file(file);
  return complain(error, path,
                  is_broken ? strerror(cause) : "too large, or no memory");
}

bool tls_load_certificates(mbedtls_x509_crt *list, const char *path,
                           char error[TLS_ERROR_MAX]) {
  struct file file;
  if (!open_file(&file, path, error)) return false;
  int result = mbedtls_x509_crt_parse(list, file.bytes, file.length);
  close_file(&file);
  if (result == 0) return true;
  if (result > 0) {
    snprintf(error, TLS_ERROR_MAX, "%s: %d of its certificates cannot be read",
             path, result);
    return false;
  }
  if (result == MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT ||
      result == MBEDTLS_ERR_X509_INVALID_FORMAT) {
    return complain(error, path, "there is no certificate in PEM in it");
  }
  snprintf(error, TLS_ERROR_MAX, "%s: cannot read the certificate: %s", path,
           tls_error_text(result));
  return false;
}

static const char *key_cause(int result) {
  switch (result) {
  case MBEDTLS_ERR_PK_PASSWORD_REQUIRED:
    return "the key is encrypted: a passphrase is missing";
  case MBEDTLS_ERR_PK_PASSWORD_MISMATCH: return "the passphrase is wrong";
  case MBEDTLS_ERR_PK_KEY_INVALID_FORMAT:
    return "there is no private key in PEM in it";
  default: return tls_error_text(result);
  }
}

static bool load_key(mbedtls_pk_context *key, const char *path,
                     const char *passphrase, char *error) {
  struct file file;
  if (!open_file(&file, path, error)) return false;
  int result = tls_parse_key(key, file.bytes, file.length, passphrase);
  close_file(&file);
  return result == 0 || complain(error, path, key_cause(result));
}

bool tls_identity_load(struct tls_identity *identity,
                       const struct tls_pair *pair, char error[TLS_ERROR_MAX]) {
  const char *key = pair->key ? pair->key : pair->certificate;
  if (!tls_load_certificates(&identity->chain, pair->certificate, error) ||
      !load_key(&identity->key, key, pair->passphrase, error)) {
    return false;
  }
  if (tls_is_pair(&identity->chain.pk, &identity->key)) return true;
  snprintf(error, TLS_ERROR_MAX, "%s: it is not the key of the certificate %s",
           key, pair->certificate);
  return false;
}

/* ---- names */

enum {
  TAG_DNS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2,
  TAG_ADDRESS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7,
  TAG_KIND = 0x9f, /* of a tag: its class and number */
};

/* "*.example.org" is "a.example.org", and neither "example.org" nor
 * "a.b.example.org". */
static bool matches(struct slice pattern, struct slice host) {
  if (pattern.length < 3 || memcmp(pattern.at, "*.", 2) != 0) {
    return slice_equals_nocase(pattern, host);
  }
  const char *dot = memchr(host.at, '.', host.length);
  if (!dot || dot == host.at) return false;
  size_t label = (size_t)(dot - host.at);
  struct slice rest = {dot, host.length - label};
  return slice_equals_nocase((struct slice){pattern.at + 1, pattern.length - 1},
                             rest);
}

static struct slice text_of(const mbedtls_x509_buf *buffer) {
  return (struct slice){(const char *)buffer->p, buffer->len};
}

static bool has_common_name(const mbedtls_x509_crt *certificate,
                            struct slice host) {
  const mbedtls_x509_name *name = &certificate->subject;
  for (; name; name = name->next) {
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0 &&
        matches(text_of(&name->val), host)) {
      return true;
    }
  }
  return false;
}

bool tls_identity_has_name(const struct tls_identity *identity,
                           struct slice host) {
  const mbedtls_x509_sequence *name = &identity->chain.subject_alt_names;
  bool has_names = false;
  if (host.length > 0 && host.at[host.length - 1] == '.') host.length--;
  for (; name && name->buf.p; name = name->next) {
    if ((name->buf.tag & TAG_KIND) != TAG_DNS) continue;
    has_names = true;
    if (matches(text_of(&name->buf), host)) return true;
  }
  return !has_names && has_common_name(&identity->chain, host);
}

bool tls_certificate_has_address(const mbedtls_x509_crt *certificate,
                                 const struct address *address) {
  const mbedtls_x509_sequence *name = &certificate->subject_alt_names;
  size_t length = address->family == 4 ? 4 : 16;
  for (; name && name->buf.p; name = name->next) {
    if ((name->buf.tag & TAG_KIND) == TAG_ADDRESS && name->buf.len == length &&
        memcmp(name->buf.p, address->bytes, length) == 0) {
      return true;
    }
  }
  return false;
}

/* ---- made on the spot */

/* RFC 5280 4.2.1.6, in DER: localhost, 127.0.0.1, ::1. */
static const unsigned char local_names[] = {
    0x30, 35,                                                 /* a list of */
    0x82, 9,  'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't',    /* a name */
    0x87, 4,  127, 0,   0,   1,                               /* an address */
    0x87, 16, 0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* another */
    0,    0,  0,   0,   0,   1,
};

enum {
  MONTH = 30 * 24 * 60 * 60,
  YESTERDAY = -24 * 60 * 60, /* clocks differ */
  DER_MOST = 2048,
};

static int make_key(mbedtls_pk_context *key) {
  int result =
      mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (result) return result;
  return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
                             tls_random, NULL);
}

static int set_serial(mbedtls_x509write_cert *draft) {
  unsigned char bytes[16];
  int result = tls_random(NULL, bytes, sizeof bytes);
  bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of this length */
  if (result) return result;
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_x509write_crt_set_serial_raw(draft, bytes, sizeof bytes);
#else
  mbedtls_mpi serial;
  mbedtls_mpi_init(&serial);
  result = mbedtls_mpi_read_binary(&serial, bytes, sizeof bytes);
  if (!result) result = mbedtls_x509write_crt_set_serial(draft, &serial);
  mbedtls_mpi_free(&serial);
  return result;
#endif
}

static int set_validity(mbedtls_x509write_cert *draft) {
  char from[16], to[16];
  struct tm utc;
  time_t now = time(NULL), first = now + YESTERDAY, last = now + MONTH;
  strftime(from, sizeof from, "%Y%m%d%H%M%S", gmtime_r(&first, &utc));
  strftime(to, sizeof to, "%Y%m%d%H%M%S", gmtime_r(&last, &utc));
  return mbedtls_x509write_crt_set_validity(draft, from, to);
}

static int write_draft(mbedtls_x509write_cert *draft, mbedtls_pk_context *key) {
  static const char name[] = "CN=localhost,O=ratchet-lua --dev-tls";
  mbedtls_x509write_crt_set_version(draft, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(draft, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(draft, key);
  mbedtls_x509write_crt_set_issuer_key(draft, key);
  int result = mbedtls_x509write_crt_set_subject_name(draft, name);
  if (!result) result = mbedtls_x509write_crt_set_issuer_name(draft, name);
  if (!result) result = set_serial(draft);
  if (!result) result = set_validity(draft);
  if (!result) {
    result = mbedtls_x509write_crt_set_basic_constraints(draft, 0, -1);
  }
  if (result) return result;
  return mbedtls_x509write_crt_set_extension(
      draft, MBEDTLS_OID_SUBJECT_ALT_NAME,
      MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, local_names,
      sizeof local_names);
}

static int sign(struct tls_identity *identity) {
  mbedtls_x509write_cert draft;
  unsigned char der[DER_MOST];
  mbedtls_x509write_crt_init(&draft);
  int result = write_draft(&draft, &identity->key);
  if (!result) {
    /* Written at the end of the buffer; the length comes back. */
    result =
        mbedtls_x509write_crt_der(&draft, der, sizeof der, tls_random, NULL);
  }
  mbedtls_x509write_crt_free(&draft);
  if (result < 0) return result;
  return mbedtls_x509_crt_parse_der(
      &identity->chain, der + sizeof der - (size_t)result, (size_t)result);
}

bool tls_identity_make(struct tls_identity *identity,
                       char error[TLS_ERROR_MAX]) {
  int result = make_key(&identity->key);
  if (!result) result = sign(identity);
  if (!result) return true;
  snprintf(error, TLS_ERROR_MAX, "cannot make a certificate: %s",
           tls_error_text(result));
  return false;
}
