#include "signals.h"

#include <signal.h>

static void on_signal(uv_signal_t *handle, int number) {
  struct signals *signals = handle->data;
  signals->asked(signals->owner, number);
}

void signals_ignore_broken_pipes(void) {
  signal(SIGPIPE, SIG_IGN);
}

int signals_watch(struct signals *signals, struct loop *loop,
                  void (*asked)(void *owner, int number), void *owner) {
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
  signals->asked = asked;
  signals->owner = owner;
  signals_ignore_broken_pipes();
  for (int i = 0; i < SIGNALS; i++) {
    uv_signal_t *handle = &signals->handles[i];
    int error = uv_signal_init(&loop->uv, handle);
    if (error) return error;
    handle->data = signals;
    error = uv_signal_start(handle, on_signal, numbers[i]);
    if (error) return error;
    uv_unref((uv_handle_t *)handle);
  }
  return 0;
}
