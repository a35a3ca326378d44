// Starts kernels (core/kernel.h) on the device.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/cuda/check.cuh"
#include "core/cuda_stream.h"
#include "core/kernel.h"

namespace suffice::cuda {

constexpr unsigned kWholeWarp = 0xffffffffU;

// The 32 lanes of a warp; all take part in every call. A value "of lanes" is this lane's own here
// and an array where the tests play a warp (tests/native/emulate.h, the other implementation).
class DeviceWarp {
 public:
  __device__ DeviceWarp() : lane_(static_cast<std::int64_t>(threadIdx.x) % kWarpSize) {}

  // f(lane) of each lane.
  template <class F>
  __device__ auto lanes(F f) const {
    return f(lane_);
  }

  // Bit l set = f(lane l's value) holds.
  template <class T, class F>
  __device__ std::uint32_t ballot(const T& of_lanes, F f) const {
    return __ballot_sync(kWholeWarp, f(of_lanes));
  }

  // All lanes' values merged, in a tree of steps 16, 8, 4, 2, 1; merge(a, b) == merge(b, a) to the
  // bit. The same in every lane.
  template <class T, class F>
  __device__ T reduce(T of_lanes, F merge) const {
    for (int step = static_cast<int>(kWarpSize) / 2; step > 0; step /= 2) {
      of_lanes = merge(of_lanes, across(of_lanes, step));
    }
    return of_lanes;
  }

  // Each lane's value becomes the sum of those up to its own and `carry`; the last is returned.
  template <class T>
  __device__ T running_sum(T& of_lanes, T carry) const {
    for (unsigned step = 1; step < kWarpSize; step *= 2) {
      const T left = __shfl_up_sync(kWholeWarp, of_lanes, step);
      if (lane_ >= static_cast<std::int64_t>(step)) of_lanes += left;
    }
    of_lanes += carry;
    return __shfl_sync(kWholeWarp, of_lanes, static_cast<int>(kWarpSize) - 1);
  }

  // f(lane, value) in each lane.
  template <class T, class F>
  __device__ void each(const T& of_lanes, F f) const {
    f(lane_, of_lanes);
  }

  // f() in one lane.
  template <class F>
  __device__ void once(F f) const {
    if (lane_ == 0) f();
  }

 private:
  template <class T>
  __device__ static T across(const T& value, int step) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(unsigned) == 0,
                  "values travel in words of 32 bits");
    unsigned words[sizeof(T) / sizeof(unsigned)];
    memcpy(words, &value, sizeof(T));
    for (unsigned& word : words) word = __shfl_xor_sync(kWholeWarp, word, step);
    T other;
    memcpy(&other, words, sizeof(T));
    return other;
  }

  std::int64_t lane_;
};

__device__ inline GridPosition thread_position() {
  return {static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x,
          static_cast<std::int64_t>(gridDim.x) * blockDim.x,
          blockIdx.y,
          gridDim.y,
          blockIdx.z,
          gridDim.z};
}

template <class Kernel>
__global__ void __launch_bounds__(kThreads) run_threads(const Kernel kernel) {
  kernel(thread_position());
}

template <class Kernel>
__global__ void __launch_bounds__(kThreads) run_warps(const Kernel kernel) {
  GridPosition at = thread_position();
  at.x /= kWarpSize;
  at.x_stride /= kWarpSize;
  kernel(at, DeviceWarp());
}

template <class Kernel>
void launch_threads(const Kernel& kernel, const LaunchShape& shape, Stream stream) {
  run_threads<<<dim3(shape.x, shape.y, shape.z), shape.threads, 0, stream>>>(kernel);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

template <class Kernel>
void launch_warps(const Kernel& kernel, const LaunchShape& shape, Stream stream) {
  run_warps<<<dim3(shape.x, shape.y, shape.z), shape.threads, 0, stream>>>(kernel);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace suffice::cuda
