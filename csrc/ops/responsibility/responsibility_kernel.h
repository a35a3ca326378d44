// The bodies of the kernels that sum boxes (see core/kernel.h). As on the CPU, the map is first its
// own second difference, four corners a box, then summed along rows and down columns.
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace suffice::cuda {

// atomicAdd knows unsigned 64-bit integers; two's complement makes them right for signed ones.
using Sum = unsigned long long;

struct CornersKernel {
  const std::int32_t* boxes;
  const std::int64_t* values;
  std::int64_t n_boxes, height, width;
  Sum* sums;

  //   x: boxes in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t n = at.x; n < n_boxes; n += at.x_stride) {
      const std::int64_t r0 = clip(boxes[4 * n], height);
      const std::int64_t r1 = clip(boxes[4 * n + 1], height);
      const std::int64_t c0 = clip(boxes[4 * n + 2], width);
      const std::int64_t c1 = clip(boxes[4 * n + 3], width);
      if (r0 >= r1 || c0 >= c1) continue;
      const Sum value = static_cast<Sum>(values[n]);
      add_to(sums + r0 * width + c0, value);
      if (c1 < width) add_to(sums + r0 * width + c1, Sum{0} - value);
      if (r1 < height) add_to(sums + r1 * width + c0, Sum{0} - value);
      if (r1 < height && c1 < width) add_to(sums + r1 * width + c1, value);
    }
  }

  LaunchShape shape() const { return {blocks_for(n_boxes, kThreads, kManyBlocks)}; }
};

// Running sums along rows, a warp a row: 32 pixels at a time, the total carried on.
struct RowSumsKernel {
  std::int64_t height, width;
  Sum* sums;

  //   x: rows in grid strides
  template <class Warp>
  SUFFICE_DEVICE void operator()(const GridPosition& at, const Warp& warp) const {
    for (std::int64_t r = at.x; r < height; r += at.x_stride) {
      Sum* row = sums + r * width;
      Sum carry = 0;
      for (std::int64_t first = 0; first < width; first += kWarpSize) {
        auto of_lanes = warp.lanes(
            [&](std::int64_t lane) { return first + lane < width ? row[first + lane] : Sum{0}; });
        carry = warp.running_sum(of_lanes, carry);
        warp.each(of_lanes, [&](std::int64_t lane, Sum sum) {
          if (first + lane < width) row[first + lane] = sum;
        });
      }
    }
  }

  LaunchShape shape() const { return {blocks_for(height, kThreads / kWarpSize, kManyBlocks)}; }
};

// Running sums down columns, a thread a column: neighbouring threads read neighbouring memory.
struct ColumnSumsKernel {
  std::int64_t height, width;
  Sum* sums;

  //   x: columns in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t c = at.x; c < width; c += at.x_stride) {
      Sum sum = 0;
      for (std::int64_t r = 0; r < height; ++r) {
        sum += sums[r * width + c];
        sums[r * width + c] = sum;
      }
    }
  }

  // Small blocks: an image has few columns, and they should spread over the device.
  LaunchShape shape() const {
    constexpr unsigned kColumnThreads = 32;
    return {blocks_for(width, kColumnThreads, kManyBlocks), 1, 1, kColumnThreads};
  }
};

}  // namespace suffice::cuda
