#include <gtest/gtest.h>

#include <limits>

#include "helpers.h"
#include "ops/ranking/ranking.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Ranking, FallsAndBreaksTiesBothWays) {
  const std::vector<float> values = {0.0F, -kInf, 2.0F, -0.0F, kInf, 2.0F, -1e-45F, 1e-45F};
  std::vector<std::int32_t> order(values.size(), -1);
  rank(in(values), Ties::kFirst, out(order));
  EXPECT_EQ(order, (std::vector<std::int32_t>{4, 2, 5, 7, 0, 3, 6, 1}));
  rank(in(values), Ties::kLast, out(order));
  EXPECT_EQ(order, (std::vector<std::int32_t>{4, 5, 2, 7, 3, 0, 6, 1}));
}

TEST(Ranking, NanIsRefused) {
  for (const float nan :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()}) {
    const std::vector<float> values = {0.0F, nan};
    std::vector<std::int32_t> order(2);
    EXPECT_THROW(rank(in(values), Ties::kLast, out(order)), std::invalid_argument);
  }
}

TEST(Ranking, PrefixesKeepTheirPixels) {
  const std::vector<std::int32_t> order = {69, 0, 64, 3};
  const std::vector<std::int64_t> lengths = {3, 0, 4, 3};
  std::vector<Word> masks(8, ~Word{0});
  prefix_masks(in(order), in(lengths), 70, out(masks));
  EXPECT_EQ(masks, (std::vector<Word>{1, 33, 0, 0, 9, 33, 1, 33}));
}

TEST(Ranking, IndicesAndLengthsOutOfRangeAreRefused) {
  std::vector<Word> masks(1);
  const auto refused = [&](const std::vector<std::int32_t>& order, std::int64_t length) {
    const std::vector<std::int64_t> lengths = {length};
    EXPECT_THROW(prefix_masks(in(order), in(lengths), 4, out(masks)), std::invalid_argument);
  };
  refused({4}, 0);
  refused({-1}, 0);
  refused({1, 2}, 3);
  refused({1, 2}, -1);
}

}  // namespace
}  // namespace suffice
