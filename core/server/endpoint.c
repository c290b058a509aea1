/*
 * endpoint - what holds where nobody says anything else.
 */
#include "endpoint.h"

const struct limits limits_default = {
    .max_message_size = UINT64_C(1024) * 1024,
    .max_buffered_amount = (size_t)1024 * 1024,
    .overflow = OVERFLOW_CLOSE,
    .keep_alive = 30 * 1000,
    .close_timeout = 5 * 1000,
    .queue_events = 64,
    .queue_bytes = 256 * 1024,
};
