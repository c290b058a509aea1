/* test_log_rate - a flood of lines is counted. */
#include "base/log_rate.h"
#include "check.h"

TEST(log_rate_lets_a_few_a_second_through) {
  struct log_rate rate = {0};
  uint32_t left_out;
  int written = 0;
  for (int i = 0; i < 25; i++) {
    written += log_rate_allows(&rate, 5000 + (uint64_t)i, &left_out);
    CHECK_EQ(left_out, 0);
  }
  CHECK_EQ(written, LOG_RATE_MOST);
  CHECK(log_rate_allows(&rate, 6000, &left_out));
  CHECK_EQ(left_out, 15);
  CHECK(log_rate_allows(&rate, 6001, &left_out));
  CHECK_EQ(left_out, 0);
}
