#include "tls_client.h"

#include "base/mem.h"
#include "tls.h"
#include "tls_identity.h"
#include "tls_profile.h"

#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>

static const char system_file[] = "/etc/ssl/certs/ca-certificates.crt";

/* Owned by its references (tls_config.h). */
struct client_config {
  struct tls_config base;
  mbedtls_x509_crt trusted;
};

/* Of the process: the config that most connections share. */
static struct tls_config *usual;

static void on_unused(struct tls_config *config) {
  struct client_config *client = (struct client_config *)config;
  mbedtls_ssl_config_free(&client->base.ssl);
  mbedtls_x509_crt_free(&client->trusted);
  mem_free(client);
}

/* What the system trusts may be of a kind that the library cannot read: that is
 * left out. */
static bool load_trusted(struct client_config *client, const char *path,
                         char *error) {
  const char *other = getenv("SSL_CERT_FILE");
  if (path) return tls_load_certificates(&client->trusted, path, error);
  path = other && *other ? other : system_file;
  if (tls_load_certificates(&client->trusted, path, error) ||
      client->trusted.version > 0) {
    return true;
  }
  size_t length = strlen(error);
  snprintf(error + length, TLS_ERROR_MAX - length,
           "; apt-get install ca-certificates, or name a file with ca");
  return false;
}

static bool configure(struct client_config *client,
                      const struct tls_client_options *options, char *error) {
  static const char *protocols[] = {"http/1.1", NULL};
  mbedtls_ssl_config *ssl = &client->base.ssl;
  int result = mbedtls_ssl_config_defaults(ssl, MBEDTLS_SSL_IS_CLIENT,
                                           MBEDTLS_SSL_TRANSPORT_STREAM,
                                           MBEDTLS_SSL_PRESET_DEFAULT);
  if (!result) result = mbedtls_ssl_conf_alpn_protocols(ssl, protocols);
  if (result) {
    snprintf(error, TLS_ERROR_MAX, "TLS: %s", tls_error_text(result));
    return false;
  }
  mbedtls_ssl_conf_rng(ssl, tls_random, NULL);
  mbedtls_ssl_conf_renegotiation(ssl, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  tls_profile_set(ssl, TLS_INTERMEDIATE, TLS_1_2);
  client->base.verifies = !options->is_insecure;
  mbedtls_ssl_conf_authmode(ssl, options->is_insecure
                                     ? MBEDTLS_SSL_VERIFY_NONE
                                     : MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(ssl, &client->trusted, NULL);
  return options->is_insecure || load_trusted(client, options->ca, error);
}

static struct tls_config *make(const struct tls_client_options *options,
                               char *error) {
  snprintf(error, TLS_ERROR_MAX, "TLS: no random numbers, or no memory");
  if (!tls_library_start()) return NULL;
  struct client_config *client = mem_alloc_zeroed(1, sizeof *client);
  if (!client) return NULL;
  client->base.references = 1;
  client->base.unused = on_unused;
  mbedtls_ssl_config_init(&client->base.ssl);
  mbedtls_x509_crt_init(&client->trusted);
  if (configure(client, options, error)) return &client->base;
  on_unused(&client->base);
  return NULL;
}

struct tls_config *tls_client_config(const struct tls_client_options *options,
                                     char error[TLS_ERROR_MAX]) {
  if (options->ca || options->is_insecure) return make(options, error);
  if (!usual) usual = make(options, error);
  return usual ? tls_config_hold(usual) : NULL;
}

void tls_client_drop(struct tls_config *config) {
  tls_config_drop(config);
}

struct transport *tls_client_wrap(struct tls_config *config,
                                  struct transport *below, const char *name) {
  return tls_wrap(config, below, name);
}

void tls_client_drain(void) {
  if (usual) tls_config_drop(usual);
  usual = NULL;
}
