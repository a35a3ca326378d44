#include <gtest/gtest.h>

#include <limits>

#include "helpers.h"
#include "ops/responsibility/responsibility.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

TEST(Responsibility, SumsAreThoseOfALoopOverPixels) {
  std::mt19937_64 random(1);
  for (const Shape shape : {Shape{1, 1}, Shape{1, 9}, Shape{9, 1}, Shape{7, 11}}) {
    std::vector<std::int32_t> boxes;
    std::vector<std::int64_t> values;
    for (int n = 0; n < 40; ++n) {
      for (const std::size_t side : {shape.height, shape.width}) {
        const auto a = static_cast<std::int32_t>(random() % (side + 1));
        const auto b = static_cast<std::int32_t>(random() % (side + 1));
        boxes.insert(boxes.end(), {std::min(a, b), std::max(a, b)});
      }
      values.push_back(static_cast<std::int64_t>(random() >> 8U) - (std::int64_t{1} << 54U));
    }
    std::vector<std::int64_t> sums(shape.pixels(), 12345);
    accumulate(in(boxes), in(values), shape, out(sums));
    for (std::size_t i = 0; i < shape.pixels(); ++i) {
      const auto r = static_cast<std::int32_t>(i / shape.width);
      const auto c = static_cast<std::int32_t>(i % shape.width);
      std::int64_t expected = 0;
      for (std::size_t n = 0; n < values.size(); ++n) {
        const std::int32_t* box = boxes.data() + 4 * n;
        if (box[0] <= r && r < box[1] && box[2] <= c && c < box[3]) expected += values[n];
      }
      EXPECT_EQ(sums[i], expected);
    }
  }
}

TEST(Responsibility, SumsWrap) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::int32_t> boxes = {0, 1, 0, 2, 0, 1, 0, 1};
  const std::vector<std::int64_t> values = {kLowest, kLowest};
  std::vector<std::int64_t> sums(2);
  accumulate(in(boxes), in(values), {1, 2}, out(sums));
  EXPECT_EQ(sums, (std::vector<std::int64_t>{0, kLowest}));
}

TEST(Responsibility, BoxesThatLeaveTheImageAreRefused) {
  const std::vector<std::int32_t> boxes = {0, 3, 0, 2};
  const std::vector<std::int64_t> values = {1};
  std::vector<std::int64_t> sums(4);
  EXPECT_THROW(accumulate(in(boxes), in(values), {2, 2}, out(sums)), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
