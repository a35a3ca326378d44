// What the bodies of CUDA kernels are written in. A kernel is a struct that holds its arguments;
// its operator() does the work of one thread (or warp) that stands at a GridPosition. nvcc compiles
// it for the device (core/cuda/launch.cuh starts it); a host compiler takes the same text as
// ordinary C++, so that the tests run every block, thread and lane of a launch on the CPU.
//
// All indices are 64-bit. Kernels walk in grid strides: any number of blocks along the dimensions
// that they name gives the same result.
#pragma once

#include <cstdint>

#include "core/packed_mask.h"

#ifdef __CUDACC__
#define SUFFICE_DEVICE __device__
#else
#define SUFFICE_DEVICE
#endif

namespace suffice::cuda {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kWarpSize = 32;

// Enough blocks to fill any device a few times over; what is more is walked in strides.
constexpr std::int64_t kManyBlocks = 4096;

// Limit of the second and third dimension of a grid.
constexpr std::int64_t kMaxGridSide = 65535;

// First index and stride along each dimension. In kernels of warps, x counts warps.
struct GridPosition {
  std::int64_t x, x_stride;
  std::int64_t y, y_stride;
  std::int64_t z, z_stride;
};

// Blocks along each dimension and threads of a block (a multiple of the warp's size).
struct LaunchShape {
  unsigned x = 1, y = 1, z = 1;
  unsigned threads = kThreads;
};

// Blocks for n units of `per_block` each: at least 1, at most `limit`.
inline unsigned blocks_for(std::int64_t n, std::int64_t per_block, std::int64_t limit) {
  const std::int64_t wanted = n / per_block + (n % per_block != 0 ? 1 : 0);
  return static_cast<unsigned>(wanted < 1 ? 1 : (wanted < limit ? wanted : limit));
}

inline std::int64_t to_words(std::int64_t bits) {
  return static_cast<std::int64_t>(words_for(static_cast<std::size_t>(bits)));
}

SUFFICE_DEVICE inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

SUFFICE_DEVICE inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a < b ? b : a; }

// `value` brought into 0..high.
SUFFICE_DEVICE inline std::int64_t clip(std::int64_t value, std::int64_t high) {
  return larger(0, smaller(value, high));
}

SUFFICE_DEVICE inline bool has_bit(const Word* words, std::int64_t i) {
  return (words[i / 64] >> (i % 64) & 1U) != 0;
}

// Atomic on the device; integers, so that no order of the threads changes a bit.
SUFFICE_DEVICE inline void add_to(unsigned long long* sum, unsigned long long value) {
#ifdef __CUDACC__
  atomicAdd(sum, value);
#else
  *sum += value;
#endif
}

SUFFICE_DEVICE inline void lower_to(std::uint32_t* least, std::uint32_t value) {
#ifdef __CUDACC__
  atomicMin(least, value);
#else
  if (value < *least) *least = value;
#endif
}

}  // namespace suffice::cuda
