#include <cstdint>

#include "core/cuda/check.cuh"
#include "core/cuda/launch.cuh"
#include "ops/responsibility/responsibility.h"

namespace suffice::cuda {

namespace {

// atomicAdd knows unsigned 64-bit integers; two's complement makes them right for signed ones.
using Sum = unsigned long long;

constexpr unsigned kWholeWarp = 0xffffffffU;

__device__ std::int64_t clip(std::int64_t value, std::int64_t high) {
  return value < 0 ? 0 : (value < high ? value : high);
}

// As on the CPU: `sums` is first the map's second difference, four corners a box.
__global__ void corners_kernel(const std::int32_t* boxes, const std::int64_t* values,
                               std::int64_t n_boxes, std::int64_t height, std::int64_t width,
                               Sum* sums) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       n < n_boxes; n += stride) {
    const std::int64_t r0 = clip(boxes[4 * n], height);
    const std::int64_t r1 = clip(boxes[4 * n + 1], height);
    const std::int64_t c0 = clip(boxes[4 * n + 2], width);
    const std::int64_t c1 = clip(boxes[4 * n + 3], width);
    if (r0 >= r1 || c0 >= c1) continue;
    const Sum value = static_cast<Sum>(values[n]);
    atomicAdd(sums + r0 * width + c0, value);
    if (c1 < width) atomicAdd(sums + r0 * width + c1, Sum{0} - value);
    if (r1 < height) atomicAdd(sums + r1 * width + c0, Sum{0} - value);
    if (r1 < height && c1 < width) atomicAdd(sums + r1 * width + c1, value);
  }
}

// Running sums along rows, a warp a row: 32 pixels at a time, the total carried on.
__global__ void rows_kernel(std::int64_t height, std::int64_t width, Sum* sums) {
  const std::int64_t lane = threadIdx.x % kWarpSize;
  const std::int64_t warps_per_block = blockDim.x / kWarpSize;
  for (std::int64_t r = blockIdx.x * warps_per_block + threadIdx.x / kWarpSize; r < height;
       r += gridDim.x * warps_per_block) {
    Sum carry = 0;
    for (std::int64_t first = 0; first < width; first += kWarpSize) {
      const std::int64_t c = first + lane;
      Sum sum = c < width ? sums[r * width + c] : 0;
      for (unsigned step = 1; step < kWarpSize; step *= 2) {
        const Sum left = __shfl_up_sync(kWholeWarp, sum, step);
        if (lane >= step) sum += left;
      }
      sum += carry;
      if (c < width) sums[r * width + c] = sum;
      carry = __shfl_sync(kWholeWarp, sum, static_cast<int>(kWarpSize - 1));
    }
  }
}

// Running sums down columns, a thread a column: neighbouring threads read neighbouring memory.
__global__ void columns_kernel(std::int64_t height, std::int64_t width, Sum* sums) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; c < width;
       c += stride) {
    Sum sum = 0;
    for (std::int64_t r = 0; r < height; ++r) {
      sum += sums[r * width + c];
      sums[r * width + c] = sum;
    }
  }
}

}  // namespace

void accumulate(const std::int32_t* boxes, const std::int64_t* values, std::int64_t n_boxes,
                Shape shape, std::int64_t* out, Stream stream) {
  if (shape.pixels() == 0) return;
  SUFFICE_CUDA_CHECK(cudaMemsetAsync(out, 0, shape.pixels() * sizeof(std::int64_t), stream));
  if (n_boxes == 0) return;
  const auto height = static_cast<std::int64_t>(shape.height);
  const auto width = static_cast<std::int64_t>(shape.width);
  auto* const sums = reinterpret_cast<Sum*>(out);
  corners_kernel<<<blocks_for(n_boxes, kThreads, kManyBlocks), kThreads, 0, stream>>>(
      boxes, values, n_boxes, height, width, sums);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
  rows_kernel<<<blocks_for(height, kThreads / kWarpSize, kManyBlocks), kThreads, 0, stream>>>(
      height, width, sums);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
  // Small blocks: an image has few columns, and they should spread over the device.
  constexpr unsigned kColumnThreads = 32;
  columns_kernel<<<blocks_for(width, kColumnThreads, kManyBlocks), kColumnThreads, 0, stream>>>(
      height, width, sums);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace suffice::cuda
