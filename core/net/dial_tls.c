/*
 * TLS of an outgoing connection: the transport is the dial's until it is open
 * or has closed.
 */
#include "base/mem.h"
#include "dial_internal.h"
#include "tls_client.h"

#include <string.h>

int dial_prepare_tls(struct dial *dial, const struct dial_target *target) {
  char error[TLS_ERROR_MAX];
  if (!target->is_secure) return 0;
  dial->tls = tls_client_config(&target->tls, error);
  if (dial->tls) return 0;
  size_t size = strlen(error) + 1;
  dial->text = mem_alloc(size);
  if (!dial->text) return UV_ENOMEM;
  dial->why = memcpy(dial->text, error, size);
  return UV_EINVAL;
}

static size_t tls_space(void *owner, uint8_t **bytes) {
  (void)owner;
  (void)bytes;
  return 0;
}

static void tls_read(void *owner, uint8_t *bytes, size_t length) {
  (void)owner; /* nothing comes before it is open */
  (void)bytes;
  (void)length;
}

static void tls_ended(void *owner, int error) {
  struct dial *dial = owner;
  (void)error; /* `why` says more */
  if (!dial->secured) return;
  dial->why = dial->secured->ops->why(dial->secured);
  dial_fail(dial, UV_ECONNABORTED);
}

static void tls_written(void *owner, int error) {
  (void)owner; /* nothing is written before it is open */
  (void)error;
}

static void tls_closed(void *owner) {
  dial_release(owner);
}

static void tls_opened(void *owner) {
  struct dial *dial = owner;
  struct transport *transport = dial->secured;
  transport->ops->stop_reading(transport);
  transport->events = NULL; /* it is whose `done` makes it */
  transport->owner = NULL;
  dial->secured = NULL;
  dial_succeed(dial, transport);
  dial_release(dial);
}

static const struct transport_events tls_events = {
    .space = tls_space,
    .read = tls_read,
    .ended = tls_ended,
    .written = tls_written,
    .closed = tls_closed,
    .opened = tls_opened,
};

void dial_secure(struct dial *dial, struct transport *below) {
  struct transport *transport =
      tls_client_wrap(dial->tls, below, dial->server_name);
  if (!transport) {
    below->ops->close(below);
    dial_fail(dial, UV_ENOMEM);
    return;
  }
  dial->owed++;
  dial->secured = transport;
  transport->events = &tls_events;
  transport->owner = dial;
  dial_settle(dial);
  int error = transport->ops->start_reading(transport);
  if (!error) return;
  dial->why = transport->ops->why(transport);
  dial_fail(dial, UV_ECONNABORTED);
}
