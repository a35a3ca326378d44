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

TEST(Responsibility, MasksAddTheirWeightsInOrder) {
  std::mt19937_64 random(2);
  for (const std::size_t n_pixels : {1U, 63U, 64U, 65U, 200U}) {
    const std::size_t n_words = words_for(n_pixels);
    std::vector<Word> masks(5 * n_words);
    for (std::size_t n = 0; n < 5; ++n) {
      for (std::size_t i = 0; i < n_pixels; ++i) {
        if (n == 4 || random() % 3 == 0) set_bit(masks.data() + n * n_words, i);
      }
    }
    const std::vector<double> weights = {0.1, 1e16, -1e16, 0.7, 1.0 / 3};
    std::vector<double> sums(n_pixels, 0.5);
    add_masks(in(masks), in(weights), out(sums));
    for (std::size_t i = 0; i < n_pixels; ++i) {
      double expected = 0.5;
      for (std::size_t n = 0; n < 5; ++n) {
        if (get_bit(masks.data() + n * n_words, i)) expected += weights[n];
      }
      EXPECT_EQ(sums[i], expected);
    }
  }
}

TEST(Responsibility, BitsBeyondTheLastPixelAreLeftOut) {
  const std::vector<Word> masks = {~Word{0}};
  std::vector<double> sums(4);
  add_masks(in(masks), in(std::vector<double>{1.5}), Span<double>(sums.data(), 3));
  EXPECT_EQ(sums, (std::vector<double>{1.5, 1.5, 1.5, 0.0}));
}

TEST(Responsibility, EveryMaskHasAWeight) {
  const std::vector<Word> masks(3);
  const std::vector<double> weights(2);
  std::vector<double> sums(10);
  EXPECT_THROW(add_masks(in(masks), in(weights), out(sums)), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
