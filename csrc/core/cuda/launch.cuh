// Launch sizes. Kernels walk in grid strides, so any size is right; these are fast ones.
#pragma once

#include <cstdint>

namespace suffice::cuda {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kWarpSize = 32;

// Enough blocks to fill any device a few times over; what is more is walked in strides.
constexpr std::int64_t kManyBlocks = 4096;

// Limit of the second and third dimension of a grid.
constexpr std::int64_t kMaxGridSide = 65535;

// Blocks for n units of `per_block` each: at least 1, at most `limit`.
inline unsigned blocks_for(std::int64_t n, std::int64_t per_block, std::int64_t limit) {
  const std::int64_t wanted = (n + per_block - 1) / per_block;
  return static_cast<unsigned>(wanted < 1 ? 1 : (wanted < limit ? wanted : limit));
}

}  // namespace suffice::cuda
