// Splitting a box into four at one random pixel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/philox.h"
#include "core/span.h"

namespace suffice {

// Rows [r0, r1) and columns [c0, c1) of an image.
struct Box {
  std::int32_t r0 = 0;
  std::int32_t r1 = 0;
  std::int32_t c0 = 0;
  std::int32_t c1 = 0;

  std::int64_t height() const { return r1 - r0; }
  std::int64_t width() const { return c1 - c0; }
  std::int64_t area() const { return height() * width(); }
};

enum class Distribution { kUniform, kBinom, kBetaBinom, kAdaptive };

// How a split position is drawn. A position is row * width + column inside the box.
//   kUniform    1 .. area-1, all equally likely (0 would leave the box whole)
//   kBinom      row = 1 + Binomial(height - 2, 1/2), column likewise; a side of 1 is not cut
//   kBetaBinom  row ~ BetaBinomial(height, alpha, beta) truncated to 0 .. height-1, column
//               likewise; position 0 is drawn again, up to kRedraws times
//   kAdaptive   1 .. area-1 in proportion to a map of the image (see `weights`)
struct SplitRule {
  Distribution distribution = Distribution::kUniform;
  double alpha = 1.0;
  double beta = 1.0;
  // kAdaptive only: the map, [image_height * image_width], or empty when nothing is known yet.
  // With log_weights the weight of a pixel is exp(w - max w in the box), otherwise w itself.
  // Equal weights mean uniform.
  Span<const double> weights;
  std::int64_t image_width = 0;
  bool log_weights = false;
};

constexpr int kRedraws = 64;

// Which numbers a box draws: block d of its words is philox4x64(key, {iteration, path, d, stream}).
struct SplitStream {
  PhiloxKey key{};
  std::uint64_t iteration = 0;
  std::uint64_t path = 1;
  std::uint64_t stream = 0;

  PhiloxCounter block(std::uint64_t draw) const {
    return philox4x64(key, {iteration, path, draw, stream});
  }
};

// The position at which `box` splits, or nothing where it can't (one pixel, or only position 0
// came up). Throws invalid_argument when a kAdaptive map doesn't cover the box.
std::optional<std::int64_t> draw_split(const Box& box, const SplitRule& rule,
                                       const SplitStream& stream);

// Children 0 top-left, 1 top-right, 2 bottom-left, 3 bottom-right. A cut at row or column 0 makes
// children without pixels. Throws invalid_argument unless 0 <= position < area.
std::array<Box, 4> split_box(const Box& box, std::int64_t position);

}  // namespace suffice
