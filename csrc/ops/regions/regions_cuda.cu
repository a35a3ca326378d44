#include <cstdint>

#include "core/cuda/check.cuh"
#include "core/cuda/launch.cuh"
#include "ops/regions/regions.h"

namespace suffice::cuda {

namespace {

__device__ std::int64_t clip(std::int64_t value, std::int64_t high) {
  return value < 0 ? 0 : (value < high ? value : high);
}

// Bits [begin, end) of one word; 0 <= begin < end <= 64.
__device__ Word bit_range(std::int64_t begin, std::int64_t end) {
  return (~Word{0} << begin) & (~Word{0} >> (64 - end));
}

// A thread makes one word of one mask from all boxes of that mask: no two write the same memory.
//   x: words, y: masks, each in grid strides
__global__ void boxes_kernel(const std::int32_t* boxes, std::int64_t n_boxes,
                             const std::int64_t* offsets, std::int64_t n_masks, std::int64_t height,
                             std::int64_t width, std::int64_t n_words, Word* masks) {
  const std::int64_t x_stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t m = blockIdx.y; m < n_masks; m += gridDim.y) {
    const std::int64_t first_box = clip(offsets[m], n_boxes);
    const std::int64_t last_box = clip(offsets[m + 1], n_boxes);
    for (std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
         w < n_words; w += x_stride) {
      const std::int64_t begin = w * 64;  // pixels of this word
      const std::int64_t end = min(begin + 64, height * width);
      Word word = 0;
      for (std::int64_t n = first_box; n < last_box; ++n) {
        const std::int32_t* box = boxes + 4 * n;
        const std::int64_t r0 = max(clip(box[0], height), begin / width);
        const std::int64_t r1 = min(clip(box[1], height), (end - 1) / width + 1);
        const std::int64_t c0 = clip(box[2], width);
        const std::int64_t c1 = clip(box[3], width);
        for (std::int64_t r = r0; r < r1; ++r) {
          const std::int64_t from = max(r * width + c0, begin);
          const std::int64_t to = min(r * width + c1, end);
          if (from < to) word |= bit_range(from - begin, to - begin);
        }
      }
      masks[m * n_words + w] = word;
    }
  }
}

// A thread looks one pixel up for every mask; the 32 votes of a warp are half a word. Bits beyond
// the image take part as zeros, so every warp is complete.
//   x: pixels, y: masks, each in grid strides
__global__ void labels_kernel(const std::int32_t* labels, std::int64_t n_pixels,
                              const Word* choices, std::int64_t n_masks, std::int64_t n_regions,
                              std::int64_t n_choice_words, std::int64_t n_halves,
                              std::uint32_t* halves) {
  const std::int64_t x_stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < n_halves * kWarpSize; i += x_stride) {
    const std::int64_t label = i < n_pixels ? labels[i] : -1;
    const bool is_region = 0 <= label && label < n_regions;
    for (std::int64_t m = blockIdx.y; m < n_masks; m += gridDim.y) {
      const bool kept =
          is_region && (choices[m * n_choice_words + label / 64] >> (label % 64) & 1U) != 0;
      const std::uint32_t votes = __ballot_sync(0xffffffffU, kept);
      if (i % kWarpSize == 0) halves[m * n_halves + i / kWarpSize] = votes;
    }
  }
}

std::int64_t to_words(std::int64_t bits) {
  return static_cast<std::int64_t>(words_for(static_cast<std::size_t>(bits)));
}

}  // namespace

void masks_from_boxes(const std::int32_t* boxes, std::int64_t n_boxes, const std::int64_t* offsets,
                      std::int64_t n_masks, Shape shape, Word* masks, Stream stream) {
  const auto n_pixels = static_cast<std::int64_t>(shape.pixels());
  if (n_masks == 0 || n_pixels == 0) return;
  const std::int64_t n_words = to_words(n_pixels);
  const dim3 grid(blocks_for(n_words, kThreads, kManyBlocks), blocks_for(n_masks, 1, kMaxGridSide));
  boxes_kernel<<<grid, kThreads, 0, stream>>>(
      boxes, n_boxes, offsets, n_masks, static_cast<std::int64_t>(shape.height),
      static_cast<std::int64_t>(shape.width), n_words, masks);
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

void masks_from_labels(const std::int32_t* labels, std::int64_t n_pixels, const Word* choices,
                       std::int64_t n_masks, std::int64_t n_regions, Word* masks, Stream stream) {
  if (n_masks == 0 || n_pixels == 0) return;
  const std::int64_t n_halves = 2 * to_words(n_pixels);
  const unsigned x = blocks_for(n_halves * kWarpSize, kThreads, kManyBlocks);
  const unsigned y = blocks_for(n_masks, 1, (kManyBlocks + x - 1) / x);
  // CUDA devices are little-endian: the low half of a word comes first.
  labels_kernel<<<dim3(x, y), kThreads, 0, stream>>>(labels, n_pixels, choices, n_masks, n_regions,
                                                     to_words(n_regions), n_halves,
                                                     reinterpret_cast<std::uint32_t*>(masks));
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace suffice::cuda
