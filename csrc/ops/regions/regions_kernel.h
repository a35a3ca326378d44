// The bodies of the kernels that make masks of regions (see core/kernel.h).
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace suffice::cuda {

// A thread makes one word of one mask from all boxes of that mask: no two write the same memory.
struct BoxesKernel {
  const std::int32_t* boxes;
  std::int64_t n_boxes;
  const std::int64_t* offsets;
  std::int64_t n_masks, height, width, n_words;
  Word* masks;

  //   x: words, y: masks, each in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t m = at.y; m < n_masks; m += at.y_stride) {
      const std::int64_t first = clip(offsets[m], n_boxes);
      const std::int64_t last = clip(offsets[m + 1], n_boxes);
      for (std::int64_t w = at.x; w < n_words; w += at.x_stride) {
        Word word = 0;
        for (std::int64_t n = first; n < last; ++n) word |= bits_of_box(boxes + 4 * n, w * 64);
        masks[m * n_words + w] = word;
      }
    }
  }

  // The bits of a box in the word whose first pixel is `begin`.
  SUFFICE_DEVICE Word bits_of_box(const std::int32_t* box, std::int64_t begin) const {
    const std::int64_t end = smaller(begin + 64, height * width);
    const std::int64_t r0 = larger(clip(box[0], height), begin / width);
    const std::int64_t r1 = smaller(clip(box[1], height), (end - 1) / width + 1);
    const std::int64_t c0 = clip(box[2], width);
    const std::int64_t c1 = clip(box[3], width);
    Word word = 0;
    for (std::int64_t r = r0; r < r1; ++r) {
      const std::int64_t from = larger(r * width + c0, begin);
      const std::int64_t to = smaller(r * width + c1, end);
      if (from < to) word |= (~Word{0} << (from - begin)) & (~Word{0} >> (64 - (to - begin)));
    }
    return word;
  }

  LaunchShape shape() const {
    return {blocks_for(n_words, kThreads, kManyBlocks), blocks_for(n_masks, 1, kMaxGridSide)};
  }
};

// A lane looks one pixel up for every mask; the 32 votes of a warp are half a word. Pixels beyond
// the image take part as zeros, so every warp is complete.
struct LabelsKernel {
  const std::int32_t* labels;
  std::int64_t n_pixels;
  const Word* choices;
  std::int64_t n_masks, n_regions, n_choice_words;
  std::int64_t n_halves;
  std::uint32_t* halves;  // little-endian, as all CUDA devices: the low half of a word comes first

  //   x: halves of words, y: masks, each in grid strides
  template <class Warp>
  SUFFICE_DEVICE void operator()(const GridPosition& at, const Warp& warp) const {
    for (std::int64_t half = at.x; half < n_halves; half += at.x_stride) {
      const auto regions = warp.lanes([&](std::int64_t lane) { return region_of(half, lane); });
      for (std::int64_t m = at.y; m < n_masks; m += at.y_stride) {
        const Word* row = choices + m * n_choice_words;
        const std::uint32_t votes = warp.ballot(
            regions, [&](std::int64_t region) { return region >= 0 && has_bit(row, region); });
        warp.once([&] { halves[m * n_halves + half] = votes; });
      }
    }
  }

  // -1 where there is none.
  SUFFICE_DEVICE std::int64_t region_of(std::int64_t half, std::int64_t lane) const {
    const std::int64_t pixel = half * kWarpSize + lane;
    const std::int64_t label = pixel < n_pixels ? labels[pixel] : -1;
    return label < n_regions ? label : -1;
  }

  LaunchShape shape() const {
    const unsigned x = blocks_for(n_halves * kWarpSize, kThreads, kManyBlocks);
    return {x, blocks_for(n_masks, 1, (kManyBlocks + x - 1) / x)};
  }
};

}  // namespace suffice::cuda
