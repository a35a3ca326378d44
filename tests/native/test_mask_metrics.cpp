#include <gtest/gtest.h>

#include "helpers.h"
#include "ops/mask_metrics/mask_metrics.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

TEST(MaskMetrics, DiceOfEveryPair) {
  const std::vector<Word> masks = {0, 0, 3, 0, 1, 1, 0, 0};
  std::vector<double> table(16, -1.0);
  dice(in(masks), 2, out(table));
  EXPECT_EQ(table, (std::vector<double>{1, 0, 0, 1, 0, 1, 0.5, 0, 0, 0.5, 1, 0, 1, 0, 0, 1}));
}

TEST(MaskMetrics, SizesThatDisagreeAreRefused) {
  const std::vector<Word> masks(5);
  std::vector<double> table(4);
  EXPECT_THROW(dice(in(masks), 2, out(table)), std::invalid_argument);
  EXPECT_THROW(dice(in(masks), 5, out(table)), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
