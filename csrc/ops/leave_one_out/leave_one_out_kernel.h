// The body of the kernel that leaves single pixels out (see core/kernel.h).
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace suffice::cuda {

struct LeaveOneOutKernel {
  const Word* mask;
  std::int64_t n_words;
  const std::int32_t* pixels;
  std::int64_t n_masks;
  Word* masks;

  // A thread keeps one word and writes it for one mask after the other.
  //   x: words, y: masks, each in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t w = at.x; w < n_words; w += at.x_stride) {
      const Word word = mask[w];
      for (std::int64_t m = at.y; m < n_masks; m += at.y_stride) {
        const std::int64_t bit = pixels[m] - w * 64;
        const bool is_here = bit >= 0 && bit < 64;
        masks[m * n_words + w] = is_here ? word & ~(Word{1} << bit) : word;
      }
    }
  }

  LaunchShape shape() const {
    const unsigned x = blocks_for(n_words, kThreads, kManyBlocks);
    return {x, blocks_for(n_masks, 1, (kManyBlocks + x - 1) / x)};
  }
};

}  // namespace suffice::cuda
