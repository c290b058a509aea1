/*
 * A system call for each four bytes of a mask would cost more than the masking.
 * What is in stock is overwritten as it is given out, and thrown away in the
 * child of a fork: two processes must not give out the same bytes.
 */
#include "random.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

enum { STOCK = 256 }; /* getrandom gives so many or none, uninterrupted */

static uint8_t stock[STOCK];
static size_t left;

static void forget(void) {
  left = 0;
}

static bool refill(void) {
  static bool is_watching;
  if (!is_watching) is_watching = pthread_atfork(NULL, NULL, forget) == 0;
  if (!is_watching || getrandom(stock, sizeof stock, 0) != STOCK) return false;
  left = STOCK;
  return true;
}

bool random_bytes(void *to, size_t length) {
  uint8_t *at = to;
  while (length > 0) {
    if (left == 0 && !refill()) return false;
    size_t part = length < left ? length : left;
    uint8_t *from = stock + STOCK - left;
    memcpy(at, from, part);
    memset(from, 0, part);
    at += part;
    left -= part;
    length -= part;
  }
  return true;
}
