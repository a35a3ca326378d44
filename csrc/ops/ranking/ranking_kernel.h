// The bodies of the kernels that make masks of prefixes (see core/kernel.h).
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace suffice::cuda {

// Rank of a pixel that the order doesn't hold.
constexpr std::uint32_t kNoRank = 0xffffffffU;

// ranks [P], all kNoRank before: the first place of each pixel in the order.
struct RanksKernel {
  const std::int32_t* order;
  std::int64_t length;  // L, less than kNoRank
  std::int64_t n_pixels;
  std::uint32_t* ranks;

  //   x: places in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t i = at.x; i < length; i += at.x_stride) {
      const std::int64_t pixel = order[i];
      if (pixel >= 0 && pixel < n_pixels) lower_to(ranks + pixel, static_cast<std::uint32_t>(i));
    }
  }

  LaunchShape shape() const { return {blocks_for(length, kThreads, kManyBlocks)}; }
};

// A lane keeps the rank of one pixel and compares it with the length of every mask; the 32 votes of
// a warp are half a word. Pixels beyond the image have no rank, so every warp is complete.
struct PrefixKernel {
  const std::uint32_t* ranks;
  std::int64_t n_pixels;
  const std::int64_t* lengths;
  std::int64_t longest;  // L: what a longer length is cut to
  std::int64_t n_masks;
  std::int64_t n_halves;
  std::uint32_t* halves;

  //   x: halves of words, y: masks, each in grid strides
  template <class Warp>
  SUFFICE_DEVICE void operator()(const GridPosition& at, const Warp& warp) const {
    for (std::int64_t half = at.x; half < n_halves; half += at.x_stride) {
      const auto of_lanes = warp.lanes([&](std::int64_t lane) {
        const std::int64_t pixel = half * kWarpSize + lane;
        return pixel < n_pixels ? ranks[pixel] : kNoRank;
      });
      for (std::int64_t m = at.y; m < n_masks; m += at.y_stride) {
        const std::int64_t length = clip(lengths[m], longest);
        const std::uint32_t votes = warp.ballot(
            of_lanes, [&](std::uint32_t rank) { return static_cast<std::int64_t>(rank) < length; });
        warp.once([&] { halves[m * n_halves + half] = votes; });
      }
    }
  }

  LaunchShape shape() const {
    const unsigned x = blocks_for(n_halves * kWarpSize, kThreads, kManyBlocks);
    return {x, blocks_for(n_masks, 1, (kManyBlocks + x - 1) / x)};
  }
};

}  // namespace suffice::cuda
