// Runs kernels (core/kernel.h) on the CPU: every thread of every block of a launch, one after the
// other, each warp as one object with arrays of 32 values in place of registers. The kernels' own
// text is what runs; only the few operations of a warp are written a second time here.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernel.h"

namespace suffice::testing {

constexpr auto kLanes = static_cast<std::size_t>(cuda::kWarpSize);

template <class T>
using OfLanes = std::array<T, kLanes>;

// The counterpart of cuda::DeviceWarp.
class HostWarp {
 public:
  template <class F>
  auto lanes(F f) const {
    OfLanes<decltype(f(std::int64_t{0}))> values{};
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      values[lane] = f(static_cast<std::int64_t>(lane));
    }
    return values;
  }

  template <class T, class F>
  std::uint32_t ballot(const OfLanes<T>& of_lanes, F f) const {
    std::uint32_t votes = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (f(of_lanes[lane])) votes |= 1U << lane;
    }
    return votes;
  }

  template <class T, class F>
  T reduce(OfLanes<T> of_lanes, F merge) const {
    for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
      const OfLanes<T> before = of_lanes;
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        of_lanes[lane] = merge(before[lane], before[lane ^ step]);
      }
    }
    return of_lanes[0];
  }

  template <class T>
  T running_sum(OfLanes<T>& of_lanes, T carry) const {
    for (std::size_t step = 1; step < kLanes; step *= 2) {
      const OfLanes<T> before = of_lanes;
      for (std::size_t lane = step; lane < kLanes; ++lane) of_lanes[lane] += before[lane - step];
    }
    for (T& value : of_lanes) value += carry;
    return of_lanes[kLanes - 1];
  }

  template <class T, class F>
  void each(const OfLanes<T>& of_lanes, F f) const {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      f(static_cast<std::int64_t>(lane), of_lanes[lane]);
    }
  }

  template <class F>
  void once(F f) const {
    f();
  }
};

// run(position) for every thread, or every `per_unit` threads, of a launch.
template <class F>
void for_each_unit(const cuda::LaunchShape& shape, std::int64_t per_unit, F run) {
  const std::int64_t units = shape.threads / per_unit;
  for (std::int64_t z = 0; z < shape.z; ++z) {
    for (std::int64_t y = 0; y < shape.y; ++y) {
      for (std::int64_t x = 0; x < shape.x * units; ++x) {
        run(cuda::GridPosition{x, shape.x * units, y, shape.y, z, shape.z});
      }
    }
  }
}

template <class Kernel>
void emulate_threads(const Kernel& kernel, const cuda::LaunchShape& shape) {
  for_each_unit(shape, 1, [&](const cuda::GridPosition& at) { kernel(at); });
}

template <class Kernel>
void emulate_warps(const Kernel& kernel, const cuda::LaunchShape& shape) {
  for_each_unit(shape, cuda::kWarpSize,
                [&](const cuda::GridPosition& at) { kernel(at, HostWarp()); });
}

// The launch a kernel asks for, and shapes that walk in strides along the first `dimensions`: the
// result must be the same.
inline std::vector<cuda::LaunchShape> shapes_to_try(const cuda::LaunchShape& own,
                                                    int dimensions = 3) {
  const cuda::LaunchShape few{3, dimensions > 1 ? 2U : 1U, dimensions > 2 ? 2U : 1U, 64};
  return {own, {1, 1, 1, 32}, few};
}

}  // namespace suffice::testing
