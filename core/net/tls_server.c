#include "tls_server.h"

#include "base/log.h"
#include "base/mem.h"
#include "tls.h"
#include "tls_identity.h"
#include "tls_profile.h"

#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
  TICKET_LIFETIME = 2 * 60 * 60, /* seconds; keys are kept for twice that */
  LOOK_EVERY = 2000,             /* ms: at the files */
};

/* ---- one generation */

/* Owned by its references (tls_config.h). */
struct generation {
  struct tls_config base;
  struct tls_identity *identities;
  size_t count;
  mbedtls_x509_crt client_ca;
  mbedtls_ssl_ticket_context tickets;
};

static void free_generation(struct generation *generation) {
  mbedtls_ssl_config_free(&generation->base.ssl);
  mbedtls_ssl_ticket_free(&generation->tickets);
  mbedtls_x509_crt_free(&generation->client_ca);
  for (size_t i = 0; i < generation->count; i++) {
    tls_identity_free(&generation->identities[i]);
  }
  mem_free(generation->identities);
  mem_free(generation);
}

static void on_unused(struct tls_config *config) {
  free_generation((struct generation *)config);
}

static struct generation *new_generation(size_t count) {
  struct generation *generation = mem_alloc_zeroed(1, sizeof *generation);
  if (!generation) return NULL;
  generation->identities = mem_alloc_zeroed(count, sizeof(struct tls_identity));
  if (!generation->identities) {
    mem_free(generation);
    return NULL;
  }
  generation->base.references = 1;
  generation->base.unused = on_unused;
  generation->count = count;
  mbedtls_ssl_config_init(&generation->base.ssl);
  mbedtls_ssl_ticket_init(&generation->tickets);
  mbedtls_x509_crt_init(&generation->client_ca);
  for (size_t i = 0; i < count; i++) {
    tls_identity_init(&generation->identities[i]);
  }
  return generation;
}

/* RFC 6066 3: whoever has the name answers; else the first. All that have it
 * are shown, and the library chooses by what kinds of key the client takes. */
static int on_server_name(void *owner, mbedtls_ssl_context *ssl,
                          const unsigned char *name, size_t length) {
  struct generation *generation = owner;
  struct slice host = {(const char *)name, length};
  tls_note_server_name(ssl, host);
  for (size_t i = 0; i < generation->count; i++) {
    struct tls_identity *identity = &generation->identities[i];
    if (!tls_identity_has_name(identity, host)) continue;
    int result =
        mbedtls_ssl_set_hs_own_cert(ssl, &identity->chain, &identity->key);
    if (result) return result;
  }
  return 0;
}

static bool complain(char *error, const char *what, int result) {
  snprintf(error, TLS_ERROR_MAX, "%s: %s", what, tls_error_text(result));
  return false;
}

static bool load_identities(struct generation *generation,
                            const struct tls_server_options *options,
                            char *error) {
  if (options->count == 0) {
    return tls_identity_make(&generation->identities[0], error);
  }
  for (size_t i = 0; i < options->count; i++) {
    if (!tls_identity_load(&generation->identities[i], &options->pairs[i],
                           error)) {
      return false;
    }
  }
  return true;
}

/* Whoever asks for no name, or for one that nobody has, gets the first. */
static bool show_identities(struct generation *generation, char *error) {
  struct tls_identity *first = &generation->identities[0];
  int result = mbedtls_ssl_conf_own_cert(&generation->base.ssl, &first->chain,
                                         &first->key);
  return result == 0 || complain(error, "the certificate", result);
}

static bool set_client_ca(struct generation *generation,
                          const struct tls_server_options *options,
                          char *error) {
  mbedtls_ssl_config *ssl = &generation->base.ssl;
  if (!options->client_ca) return true;
  if (!tls_load_certificates(&generation->client_ca, options->client_ca,
                             error)) {
    return false;
  }
  mbedtls_ssl_conf_ca_chain(ssl, &generation->client_ca, NULL);
  mbedtls_ssl_conf_authmode(ssl, options->requires_client
                                     ? MBEDTLS_SSL_VERIFY_REQUIRED
                                     : MBEDTLS_SSL_VERIFY_OPTIONAL);
  generation->base.verifies = true;
  return true;
}

static bool set_tickets(struct generation *generation, char *error) {
  if (generation->base.verifies) {
    mbedtls_ssl_conf_session_tickets_cb(&generation->base.ssl, NULL, NULL,
                                        NULL);
    return true;
  }
  int result =
      mbedtls_ssl_ticket_setup(&generation->tickets, tls_random, NULL,
                               MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFETIME);
  if (result) return complain(error, "session tickets", result);
  mbedtls_ssl_conf_session_tickets_cb(
      &generation->base.ssl, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
      &generation->tickets);
  return true;
}

static bool configure(struct generation *generation,
                      const struct tls_server_options *options, char *error) {
  static const char *protocols[] = {"http/1.1", NULL};
  mbedtls_ssl_config *ssl = &generation->base.ssl;
  int result = mbedtls_ssl_config_defaults(ssl, MBEDTLS_SSL_IS_SERVER,
                                           MBEDTLS_SSL_TRANSPORT_STREAM,
                                           MBEDTLS_SSL_PRESET_DEFAULT);
  if (!result) result = mbedtls_ssl_conf_alpn_protocols(ssl, protocols);
  if (result) return complain(error, "TLS", result);
  mbedtls_ssl_conf_rng(ssl, tls_random, NULL);
  mbedtls_ssl_conf_renegotiation(ssl, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  mbedtls_ssl_conf_sni(ssl, on_server_name, generation);
  if (!tls_profile_set(ssl, options->profile, options->lowest)) {
    snprintf(error, TLS_ERROR_MAX,
             "TLS 1.3 alone is asked for, and %s has none: use the profile "
             "\"intermediate\", or Debian 13",
             MBEDTLS_VERSION_STRING_FULL);
    return false;
  }
  return set_client_ca(generation, options, error) &&
         set_tickets(generation, error);
}

static struct generation *
make_generation(const struct tls_server_options *options, char *error) {
  if (!tls_library_start()) {
    snprintf(error, TLS_ERROR_MAX, "TLS: no random numbers, or no memory");
    return NULL;
  }
  struct generation *generation =
      new_generation(options->count > 0 ? options->count : 1);
  if (!generation) {
    snprintf(error, TLS_ERROR_MAX, "TLS: out of memory");
    return NULL;
  }
  if (configure(generation, options, error) &&
      load_identities(generation, options, error) &&
      show_identities(generation, error)) {
    return generation;
  }
  free_generation(generation);
  return NULL;
}

static void warn_of_rights(const char *key) {
  struct stat file;
  if (key && stat(key, &file) == 0 && (file.st_mode & S_IROTH))
    log_printf(LOG_WARN, "%s: everybody on this machine may read the key", key);
}

/* What works, and should not stay as it is. */
static void warn(const struct generation *generation,
                 const struct tls_server_options *options) {
  for (size_t i = 0; i < options->count; i++) {
    const mbedtls_x509_crt *chain = &generation->identities[i].chain;
    const struct tls_pair *pair = &options->pairs[i];
    const char *path = pair->certificate;
    warn_of_rights(pair->key ? pair->key : path);
    if (mbedtls_x509_time_is_past(&chain->valid_to))
      log_printf(LOG_WARN, "%s: the certificate has expired", path);
    if (mbedtls_x509_time_is_future(&chain->valid_from))
      log_printf(LOG_WARN, "%s: the certificate is not valid yet", path);
  }
}

/* ---- the files */

/* Owns the copies of the options and its reference to the current generation.
 */
struct tls_server {
  struct tls_server_options options;
  struct tls_pair *pairs;
  struct generation *current;
  uint64_t loaded,
      seen;          /* how the files looked: when loaded, at the last look */
  uv_timer_t *timer; /* NULL: nobody watches; closed by libuv's callback */
};

static void mix(uint64_t *hash, uint64_t value) {
  *hash = (*hash ^ value) * UINT64_C(1099511628211); /* FNV-1a */
}

static void look_at(uint64_t *hash, const char *path) {
  struct stat file = {0};
  if (!path) return;
  if (stat(path, &file) != 0) file = (struct stat){0};
  mix(hash, (uint64_t)file.st_dev);
  mix(hash, (uint64_t)file.st_ino);
  mix(hash, (uint64_t)file.st_size);
  mix(hash, (uint64_t)file.st_mtim.tv_sec);
  mix(hash, (uint64_t)file.st_mtim.tv_nsec);
  mix(hash, (uint64_t)file.st_ctim.tv_nsec);
}

/* A number that changes when any of the files does. */
static uint64_t look(const struct tls_server *server) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < server->options.count; i++) {
    look_at(&hash, server->pairs[i].certificate);
    look_at(&hash, server->pairs[i].key);
  }
  look_at(&hash, server->options.client_ca);
  return hash;
}

static const char *name_of(const struct tls_server *server) {
  return server->options.count ? server->pairs[0].certificate
                               : "the certificate for development";
}

bool tls_server_reload(struct tls_server *server) {
  char error[TLS_ERROR_MAX];
  server->loaded = server->seen = look(server);
  struct generation *generation = make_generation(&server->options, error);
  if (!generation) {
    log_printf(LOG_ERROR, "%s; the certificates of before stay", error);
    return false;
  }
  tls_config_drop(&server->current->base);
  server->current = generation;
  log_printf(LOG_INFO, "%s is loaded anew, for new connections",
             name_of(server));
  warn(generation, &server->options);
  return true;
}

/* Certificate and key are written one after the other: they are loaded when
 * they have looked the same twice. */
static void on_timer(uv_timer_t *timer) {
  struct tls_server *server = timer->data;
  uint64_t now = look(server);
  bool is_settled = now == server->seen;
  server->seen = now;
  if (is_settled && now != server->loaded) tls_server_reload(server);
}

static void on_timer_closed(uv_handle_t *handle) {
  mem_free(handle);
}

static bool watch(struct tls_server *server, struct loop *loop) {
  server->loaded = server->seen = look(server);
  if (!loop || server->options.count == 0) return true;
  server->timer = mem_alloc(sizeof *server->timer);
  if (!server->timer) return false;
  uv_timer_init(&loop->uv, server->timer);
  server->timer->data = server;
  uv_timer_start(server->timer, on_timer, LOOK_EVERY, LOOK_EVERY);
  uv_unref((uv_handle_t *)server->timer);
  return true;
}

/* ---- its making */

static const char *copy(const char *text, bool *is_good) {
  if (!text) return NULL;
  size_t size = strlen(text) + 1;
  char *made = mem_alloc(size);
  if (made)
    memcpy(made, text, size);
  else
    *is_good = false;
  return made;
}

static void forget(const char *text) {
  mem_free((void *)(uintptr_t)text);
}

static bool copy_options(struct tls_server *server,
                         const struct tls_server_options *options) {
  bool is_good = true;
  server->options = *options;
  server->options.client_ca = copy(options->client_ca, &is_good);
  server->options.count = 0;
  if (options->count == 0) return is_good;
  server->pairs = mem_alloc_zeroed(options->count, sizeof *server->pairs);
  server->options.pairs = server->pairs;
  if (!server->pairs) return false;
  server->options.count = options->count;
  for (size_t i = 0; i < options->count; i++) {
    const struct tls_pair *pair = &options->pairs[i];
    server->pairs[i] = (struct tls_pair){
        copy(pair->certificate, &is_good),
        copy(pair->key, &is_good),
        copy(pair->passphrase, &is_good),
    };
  }
  return is_good;
}

void tls_server_unwatch(struct tls_server *server) {
  if (server->timer) uv_close((uv_handle_t *)server->timer, on_timer_closed);
  server->timer = NULL;
}

void tls_server_free(struct tls_server *server) {
  tls_server_unwatch(server);
  for (size_t i = 0; i < server->options.count; i++) {
    forget(server->pairs[i].certificate);
    forget(server->pairs[i].key);
    forget(server->pairs[i].passphrase);
  }
  mem_free(server->pairs);
  forget(server->options.client_ca);
  if (server->current) tls_config_drop(&server->current->base);
  mem_free(server);
}

struct tls_server *tls_server_new(struct loop *loop,
                                  const struct tls_server_options *options,
                                  char error[TLS_ERROR_MAX]) {
  struct tls_server *server = mem_alloc_zeroed(1, sizeof *server);
  snprintf(error, TLS_ERROR_MAX, "TLS: out of memory");
  if (!server) return NULL;
  if (copy_options(server, options) && watch(server, loop)) {
    server->current = make_generation(&server->options, error);
  }
  if (!server->current) {
    tls_server_free(server);
    return NULL;
  }
  warn(server->current, &server->options);
  return server;
}

struct transport *tls_server_wrap(struct tls_server *server,
                                  struct transport *below) {
  return tls_wrap(&server->current->base, below, NULL);
}
