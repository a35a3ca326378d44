#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "helpers.h"
#include "ops/mask_metrics/mask_metrics.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;
using testing::random_masks;

constexpr std::int32_t kUnwritten = -77;

// Squared distance of pixel i to the nearest kept one, looked for among all.
std::int32_t nearest(const Word* mask, Shape shape, std::size_t i) {
  std::int32_t best = kNoDistance;
  for (std::size_t k = 0; k < shape.pixels(); ++k) {
    if (!get_bit(mask, k)) continue;
    const auto dr =
        static_cast<std::int32_t>(i / shape.width) - static_cast<std::int32_t>(k / shape.width);
    const auto dc =
        static_cast<std::int32_t>(i % shape.width) - static_cast<std::int32_t>(k % shape.width);
    const std::int32_t square = dr * dr + dc * dc;
    if (best == kNoDistance || square < best) best = square;
  }
  return best;
}

TEST(MaskMetrics, DiceOfEveryPair) {
  const std::vector<Word> masks = {0, 0, 3, 0, 1, 1, 0, 0};
  std::vector<double> table(16, -1.0);
  dice(in(masks), 2, out(table));
  EXPECT_EQ(table, (std::vector<double>{1, 0, 0, 1, 0, 1, 0.5, 0, 0, 0.5, 1, 0, 1, 0, 0, 1}));
}

TEST(MaskMetrics, DistancesAreThoseToTheNearestOfAllPixels) {
  std::mt19937_64 random(5);
  for (const Shape shape : {Shape{1, 1}, Shape{1, 65}, Shape{65, 1}, Shape{8, 8}, Shape{13, 9}}) {
    const std::size_t n = 7;
    const std::vector<Word> masks = random_masks(random, n, shape.pixels());
    std::vector<std::int32_t> squares(n * shape.pixels(), kUnwritten);
    squared_distances(in(masks), shape, 3, out(squares));
    for (std::size_t m = 0; m < n; ++m) {
      for (std::size_t i = 0; i < shape.pixels(); ++i) {
        EXPECT_EQ(squares[m * shape.pixels() + i],
                  nearest(masks.data() + m * words_for(shape.pixels()), shape, i));
      }
    }
  }
}

TEST(MaskMetrics, HausdorffIsTheLargestOrRankedDistance) {
  std::mt19937_64 random(6);
  const Shape shape{11, 7};
  const std::size_t n = 6;
  const std::size_t n_words = words_for(shape.pixels());
  std::vector<Word> masks = random_masks(random, n, shape.pixels());
  std::fill_n(masks.begin(), n_words, Word{0});  // an empty one too
  for (const double percent : {50.0, 95.0, 100.0}) {
    std::vector<std::int32_t> table(n * n, kUnwritten);
    directed_hausdorff(in(masks), shape, percent, 2, out(table));
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) {
        std::vector<std::int32_t> found;
        for (std::size_t i = 0; i < shape.pixels(); ++i) {
          if (get_bit(masks.data() + a * n_words, i)) {
            found.push_back(nearest(masks.data() + b * n_words, shape, i));
          }
        }
        std::sort(found.begin(), found.end());
        std::size_t rank = 0;  // the first that enough pixels are within
        while (rank < found.size() && static_cast<double>(100 * (rank + 1)) <
                                          percent * static_cast<double>(found.size())) {
          ++rank;
        }
        EXPECT_EQ(table[a * n + b], found.empty() ? 0 : found[rank]);
      }
    }
  }
}

TEST(MaskMetrics, ComponentsCountAlongTheRows) {
  // x . x      four neighbours: 1 . 2     eight: 1 . 1
  // . x .                       . 3 .            . 1 .
  // x x .                       3 3 .            1 1 .
  const std::vector<Word> masks = {0b011010101, 0};
  std::vector<std::int32_t> labels(18, kUnwritten);
  std::vector<std::int32_t> counts(2, kUnwritten);
  components(in(masks), Shape{3, 3}, Neighbours::kFour, 2, out(labels), out(counts));
  EXPECT_EQ(counts, (std::vector<std::int32_t>{3, 0}));
  EXPECT_EQ(labels, (std::vector<std::int32_t>{1, 0, 2, 0, 3, 0, 3, 3, 0,  //
                                               0, 0, 0, 0, 0, 0, 0, 0, 0}));
  components(in(masks), Shape{3, 3}, Neighbours::kEight, 1, out(labels), out(counts));
  EXPECT_EQ(counts, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(labels[7], 1);
}

TEST(MaskMetrics, SizesThatDisagreeAreRefused) {
  const std::vector<Word> masks(5);
  std::vector<double> table(4);
  EXPECT_THROW(dice(in(masks), 2, out(table)), std::invalid_argument);
  EXPECT_THROW(dice(in(masks), 5, out(table)), std::invalid_argument);
  std::vector<std::int32_t> few(4);
  const Shape shape{8, 8};
  EXPECT_THROW(squared_distances(in(masks), shape, 1, out(few)), std::invalid_argument);
  EXPECT_THROW(directed_hausdorff(in(masks), shape, 100.0, 1, out(few)), std::invalid_argument);
  EXPECT_THROW(components(in(masks), shape, Neighbours::kFour, 1, out(few), out(few)),
               std::invalid_argument);
  EXPECT_THROW(squared_distances(in(masks), Shape{8, 9}, 1, out(few)), std::invalid_argument);
  EXPECT_THROW(squared_distances({}, Shape{46341, 1}, 1, {}), std::invalid_argument);
  EXPECT_THROW(squared_distances({}, Shape{32768, 32768}, 1, {}), std::invalid_argument);
  EXPECT_THROW(directed_hausdorff({}, shape, 0.0, 1, {}), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
