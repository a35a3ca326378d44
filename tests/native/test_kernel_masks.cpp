// The text of the kernels that make masks and sum boxes, run on the CPU (emulate.h) against the CPU
// versions. Memory is filled before with what no kernel writes and ends at its last element.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/shape.h"
#include "emulate.h"
#include "helpers.h"
#include "ops/leave_one_out/leave_one_out.h"
#include "ops/leave_one_out/leave_one_out_kernel.h"
#include "ops/ranking/ranking.h"
#include "ops/ranking/ranking_kernel.h"
#include "ops/regions/regions.h"
#include "ops/regions/regions_kernel.h"
#include "ops/responsibility/responsibility.h"
#include "ops/responsibility/responsibility_kernel.h"

namespace suffice {
namespace {

using testing::emulate_threads;
using testing::emulate_warps;
using testing::in;
using testing::out;
using testing::shapes_to_try;

constexpr std::uint32_t kPoison = 0xdeadbeefU;

const std::vector<Shape> kShapes = {{1, 1}, {1, 65}, {65, 1}, {8, 8}, {33, 41}, {3, 200}};

std::int64_t to_signed(std::size_t n) { return static_cast<std::int64_t>(n); }

// Two 32-bit halves a word, the low one first: what kernels of warps write.
std::vector<Word> joined(const std::vector<std::uint32_t>& halves) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < halves.size(); i += 2) {
    words.push_back(Word{halves[i + 1]} << 32U | halves[i]);
  }
  return words;
}

std::vector<std::int32_t> random_boxes(std::mt19937_64& random, std::size_t n, Shape shape) {
  std::vector<std::int32_t> boxes;
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t side : {shape.height, shape.width}) {
      const auto a = static_cast<std::int32_t>(random() % (side + 1));
      const auto b = static_cast<std::int32_t>(random() % (side + 1));
      boxes.insert(boxes.end(), {std::min(a, b), std::max(a, b)});
    }
  }
  return boxes;
}

TEST(KernelMasks, BoxesGiveTheCpusMasks) {
  std::mt19937_64 random(1);
  for (const Shape shape : kShapes) {
    for (const std::size_t n_boxes : {0U, 1U, 40U}) {
      const std::vector<std::int32_t> boxes = random_boxes(random, n_boxes, shape);
      const auto last = to_signed(n_boxes);
      const std::vector<std::int64_t> offsets = {0, 0, last / 3, last / 2, last};
      std::vector<Word> expected(4 * words_for(shape.pixels()));
      masks_from_boxes(in(boxes), in(offsets), shape, out(expected));
      std::vector<Word> masks(expected.size(), kPoison);
      const cuda::BoxesKernel kernel{boxes.data(),
                                     last,
                                     offsets.data(),
                                     4,
                                     to_signed(shape.height),
                                     to_signed(shape.width),
                                     to_signed(words_for(shape.pixels())),
                                     masks.data()};
      for (const cuda::LaunchShape& launch : shapes_to_try(kernel.shape())) {
        std::fill(masks.begin(), masks.end(), kPoison);
        emulate_threads(kernel, launch);
        ASSERT_EQ(masks, expected);
      }
    }
  }
}

TEST(KernelMasks, BoxesAndOffsetsOutOfRangeAreCut) {
  const std::vector<std::int32_t> boxes = {-5, 2, -1, 9, 3, 2, 0, 1, 0, 1, 3, 99};
  const std::vector<std::int64_t> offsets = {-7, 2, 99};
  std::vector<Word> masks(2, kPoison);
  const cuda::BoxesKernel kernel{boxes.data(), 3, offsets.data(), 2, 2, 4, 1, masks.data()};
  emulate_threads(kernel, kernel.shape());
  EXPECT_EQ(masks, (std::vector<Word>{0xff, 0x08}));
}

TEST(KernelMasks, LabelsGiveTheCpusMasks) {
  std::mt19937_64 random(2);
  for (const Shape shape : kShapes) {
    for (const std::size_t n_regions : {1U, 64U, 131U}) {
      std::vector<std::int32_t> labels(shape.pixels());
      for (auto& label : labels) label = static_cast<std::int32_t>(random() % n_regions);
      const std::vector<Word> choices = testing::random_masks(random, 5, n_regions);
      const std::size_t n_words = words_for(shape.pixels());
      std::vector<Word> expected(5 * n_words);
      masks_from_labels(in(labels), in(choices), n_regions, out(expected));
      std::vector<std::uint32_t> halves(2 * expected.size());
      const cuda::LabelsKernel kernel{labels.data(),          to_signed(shape.pixels()),
                                      choices.data(),         5,
                                      to_signed(n_regions),   to_signed(words_for(n_regions)),
                                      to_signed(2 * n_words), halves.data()};
      for (const cuda::LaunchShape& launch : shapes_to_try(kernel.shape())) {
        std::fill(halves.begin(), halves.end(), kPoison);
        emulate_warps(kernel, launch);
        ASSERT_EQ(joined(halves), expected);
      }
    }
  }
}

TEST(KernelMasks, LabelsOutOfRangeKeepNothing) {
  const std::vector<std::int32_t> labels = {0, -1, 1, 2, std::numeric_limits<std::int32_t>::max()};
  const std::vector<Word> choices = {~Word{0}};
  std::vector<std::uint32_t> halves(2, kPoison);
  const cuda::LabelsKernel kernel{labels.data(), 5, choices.data(), 1, 2, 1, 2, halves.data()};
  emulate_warps(kernel, kernel.shape());
  EXPECT_EQ(halves, (std::vector<std::uint32_t>{0b00101, 0}));
}

// The two kernels one after the other, as the launcher runs them.
std::vector<Word> prefixes(const std::vector<std::int32_t>& order,
                           const std::vector<std::int64_t>& lengths, std::size_t n_pixels,
                           std::size_t which_shape) {
  std::vector<std::uint32_t> ranks(n_pixels, cuda::kNoRank);
  const auto n_order = to_signed(order.size());
  const cuda::RanksKernel rank{order.data(), n_order, to_signed(n_pixels), ranks.data()};
  emulate_threads(rank, shapes_to_try(rank.shape())[which_shape]);
  const std::size_t n_halves = 2 * words_for(n_pixels);
  std::vector<std::uint32_t> halves(lengths.size() * n_halves, kPoison);
  const cuda::PrefixKernel prefix{ranks.data(), to_signed(n_pixels),       lengths.data(),
                                  n_order,      to_signed(lengths.size()), to_signed(n_halves),
                                  halves.data()};
  emulate_warps(prefix, shapes_to_try(prefix.shape())[which_shape]);
  return joined(halves);
}

TEST(KernelMasks, PrefixesGiveTheCpusMasks) {
  std::mt19937_64 random(3);
  for (const std::size_t n_pixels : {1U, 7U, 64U, 65U, 1353U}) {
    std::vector<std::int32_t> order(n_pixels);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    order.resize(n_pixels - n_pixels / 3);            // not every pixel
    order.push_back(order[random() % order.size()]);  // and one of them twice
    std::vector<std::int64_t> lengths = {to_signed(order.size()), 0, 1};
    for (int m = 0; m < 6; ++m) lengths.push_back(to_signed(random() % (order.size() + 1)));
    std::vector<Word> expected(lengths.size() * words_for(n_pixels));
    prefix_masks(in(order), in(lengths), n_pixels, out(expected));
    for (const std::size_t shape : {0U, 1U, 2U}) {
      ASSERT_EQ(prefixes(order, lengths, n_pixels, shape), expected);
    }
  }
}

TEST(KernelMasks, PrefixesOfNoOrderAreEmpty) {
  EXPECT_EQ(prefixes({}, {0, 0}, 65, 0), (std::vector<Word>{0, 0, 0, 0}));
  EXPECT_EQ(prefixes({3}, {}, 65, 0), std::vector<Word>{});
}

TEST(KernelMasks, PlacesAndLengthsOutOfRangeDoNoHarm) {
  EXPECT_EQ(prefixes({-1, 2, 64, 4}, {-3, 2, 1000}, 5, 0), (std::vector<Word>{0, 4, 20}));
}

TEST(KernelMasks, LeavingOneOutGivesTheCpusMasks) {
  std::mt19937_64 random(4);
  for (const std::size_t n_pixels : {1U, 64U, 65U, 1353U, 20000U}) {
    const std::vector<Word> mask = testing::random_masks(random, 1, n_pixels);
    for (const std::size_t n_masks : {0U, 1U, 9U}) {
      std::vector<std::int32_t> pixels(n_masks);
      for (auto& pixel : pixels) pixel = static_cast<std::int32_t>(random() % n_pixels);
      std::vector<Word> expected(n_masks * mask.size());
      leave_one_out(in(mask), in(pixels), out(expected));
      std::vector<Word> masks(expected.size());
      const cuda::LeaveOneOutKernel kernel{mask.data(), to_signed(mask.size()), pixels.data(),
                                           to_signed(n_masks), masks.data()};
      for (const cuda::LaunchShape& launch : shapes_to_try(kernel.shape())) {
        std::fill(masks.begin(), masks.end(), kPoison);
        emulate_threads(kernel, launch);
        ASSERT_EQ(masks, expected);
      }
    }
  }
}

TEST(KernelMasks, APixelOutOfRangeLeavesNothingOut) {
  const std::vector<Word> mask = {~Word{0}, 0x7};
  const std::vector<std::int32_t> pixels = {-1, 128, 65};
  std::vector<Word> masks(6, kPoison);
  const cuda::LeaveOneOutKernel kernel{mask.data(), 2, pixels.data(), 3, masks.data()};
  emulate_threads(kernel, kernel.shape());
  EXPECT_EQ(masks, (std::vector<Word>{~Word{0}, 0x7, ~Word{0}, 0x7, ~Word{0}, 0x5}));
}

TEST(LeaveOneOut, PixelsAndSizesOutOfRangeAreRefused) {
  const std::vector<Word> mask = {1, 1};
  std::vector<Word> masks(2);
  for (const std::int32_t pixel : {-1, 128}) {
    const std::vector<std::int32_t> pixels = {pixel};
    EXPECT_THROW(leave_one_out(in(mask), in(pixels), out(masks)), std::invalid_argument);
  }
  const std::vector<std::int32_t> two = {0, 1};
  EXPECT_THROW(leave_one_out(in(mask), in(two), out(masks)), std::invalid_argument);
}

TEST(LeaveOneOut, EachMaskLacksItsPixel) {
  const std::vector<Word> mask = {0b1011, 0b1};
  const std::vector<std::int32_t> pixels = {1, 64, 2};
  std::vector<Word> masks(6, kPoison);
  leave_one_out(in(mask), in(pixels), out(masks));
  EXPECT_EQ(masks, (std::vector<Word>{0b1001, 1, 0b1011, 0, 0b1011, 1}));
}

TEST(KernelMasks, SumsOfBoxesAreTheCpus) {
  std::mt19937_64 random(5);
  for (const Shape shape : kShapes) {
    const std::vector<std::int32_t> boxes = random_boxes(random, 300, shape);
    std::vector<std::int64_t> values(300);
    for (auto& value : values) value = static_cast<std::int64_t>(random());  // sums wrap
    std::vector<std::int64_t> expected(shape.pixels());
    accumulate(in(boxes), in(values), shape, out(expected));
    const auto height = to_signed(shape.height);
    const auto width = to_signed(shape.width);
    for (const std::size_t which : {0U, 1U, 2U}) {
      std::vector<cuda::Sum> sums(shape.pixels(), 0);
      const cuda::CornersKernel corners{boxes.data(), values.data(), 300,
                                        height,       width,         sums.data()};
      const cuda::RowSumsKernel rows{height, width, sums.data()};
      const cuda::ColumnSumsKernel columns{height, width, sums.data()};
      emulate_threads(corners, shapes_to_try(corners.shape(), 1)[which]);
      emulate_warps(rows, shapes_to_try(rows.shape(), 1)[which]);
      emulate_threads(columns, shapes_to_try(columns.shape(), 1)[which]);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        ASSERT_EQ(static_cast<std::int64_t>(sums[i]), expected[i]);
      }
    }
  }
}

}  // namespace
}  // namespace suffice
