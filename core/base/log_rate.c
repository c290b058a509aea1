#include "log_rate.h"

bool log_rate_allows(struct log_rate *rate, uint64_t now, uint32_t *left_out) {
  uint64_t second = now / 1000;
  *left_out = 0;
  if (second != rate->second) {
    if (rate->count > LOG_RATE_MOST) *left_out = rate->count - LOG_RATE_MOST;
    *rate = (struct log_rate){.second = second};
  }
  return ++rate->count <= LOG_RATE_MOST;
}
