#include <gtest/gtest.h>

#include "helpers.h"
#include "ops/regions/regions.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

TEST(Regions, BoxesAreJoined) {
  const Shape shape{9, 15};
  const std::vector<std::int32_t> boxes = {0, 9, 0, 15, 2, 4, 3, 14, 3, 9, 0, 5, 4, 4, 0, 15};
  const std::vector<std::int64_t> offsets = {0, 0, 1, 4};
  std::vector<Word> masks(3 * words_for(shape.pixels()), ~Word{0});
  masks_from_boxes(in(boxes), in(offsets), shape, out(masks));
  for (std::size_t i = 0; i < shape.pixels(); ++i) {
    const std::size_t r = i / shape.width;
    const std::size_t c = i % shape.width;
    EXPECT_FALSE(get_bit(masks.data(), i));
    EXPECT_TRUE(get_bit(masks.data() + 3, i));
    const bool kept = (2 <= r && r < 4 && 3 <= c && c < 14) || (3 <= r && c < 5);
    EXPECT_EQ(get_bit(masks.data() + 6, i), kept);
  }
  EXPECT_EQ(count_bits(masks.data() + 3, 3), shape.pixels());  // none beyond the pixels
}

TEST(Regions, BoxesAndOffsetsOutOfRangeAreRefused) {
  std::vector<Word> mask(1);
  const std::vector<std::int64_t> offsets = {0, 1};
  using Box = std::vector<std::int32_t>;
  for (const Box& box : {Box{-1, 1, 0, 1}, Box{0, 5, 0, 1}, Box{2, 1, 0, 1}, Box{0, 1, 0, 7},
                         Box{0, 1, -1, 1}, Box{0, 1, 3, 2}}) {
    EXPECT_THROW(masks_from_boxes(in(box), in(offsets), {4, 6}, out(mask)), std::invalid_argument);
  }
  const Box box = {0, 1, 0, 1};
  using Offsets = std::vector<std::int64_t>;
  for (const Offsets& wrong : {Offsets{}, Offsets{1, 1}, Offsets{0, 2}, Offsets{0, 5, -3, 1}}) {
    EXPECT_THROW(masks_from_boxes(in(box), in(wrong), {4, 6}, out(mask)), std::invalid_argument);
  }
}

TEST(Regions, TilesAndCellsCoverTheImage) {
  for (std::size_t height = 1; height <= 9; ++height) {
    for (std::size_t width = 1; width <= 9; ++width) {
      const Shape shape{height, width};
      std::vector<std::int32_t> labels(shape.pixels(), -1);
      for (std::size_t grain = 1; grain <= 10; ++grain) {
        tile_labels(shape, grain, out(labels));
        check_labels(in(labels), ((height + grain - 1) / grain) * ((width + grain - 1) / grain));
      }
      for (std::size_t rows = 1; rows <= height; ++rows) {
        for (std::size_t cols = 1; cols <= width; ++cols) {
          std::fill(labels.begin(), labels.end(), -1);
          grid_labels(shape, rows, cols, out(labels));
          std::vector<int> sizes(rows * cols, 0);
          check_labels(in(labels), rows * cols);
          for (const std::int32_t label : labels) ++sizes[static_cast<std::size_t>(label)];
          for (const int size : sizes) EXPECT_GT(size, 0);
        }
      }
    }
  }
}

TEST(Regions, ChoicesKeepTheirRegions) {
  std::mt19937_64 random(1);
  const std::size_t n_regions = 70;
  std::vector<std::int32_t> labels(130);
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random() % n_regions);
  const std::vector<Word> choices = testing::random_masks(random, 4, n_regions);
  std::vector<Word> masks(4 * words_for(labels.size()), ~Word{0});
  masks_from_labels(in(labels), in(choices), n_regions, out(masks));
  for (std::size_t m = 0; m < 4; ++m) {
    for (std::size_t i = 0; i < 192; ++i) {
      const bool kept =
          i < labels.size() && get_bit(choices.data() + 2 * m, static_cast<std::size_t>(labels[i]));
      EXPECT_EQ(get_bit(masks.data() + 3 * m, i), kept);
    }
  }
}

TEST(Regions, LabelsOutOfRangeAreRefused) {
  const std::vector<Word> choices(1, ~Word{0});
  std::vector<Word> masks(1);
  for (const std::int32_t wrong : {-1, 3, 2147483647}) {
    const std::vector<std::int32_t> labels = {0, 1, wrong, 2};
    EXPECT_THROW(masks_from_labels(in(labels), in(choices), 3, out(masks)), std::invalid_argument);
  }
}

}  // namespace
}  // namespace suffice
