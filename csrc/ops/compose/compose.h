// Composites: what a model is shown. Kept pixels from the image, the rest from the baseline, all
// channels of a pixel together.
//   image      [C, P]        float32; P = H*W pixels, row-major
//   baseline   [C, P]        float32
//   masks      [M, words(P)] packed, bit set = pixel kept
//   out        [M, C, P]     float32, every element is written; overlaps no input
// Values are copied bit by bit (NaN payloads and signed zeros included), so every backend and
// thread count gives identical bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cuda_stream.h"
#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

// Throws invalid_argument on sizes that disagree. At most `threads` threads take part.
void compose(Span<const float> image, Span<const float> baseline, std::size_t n_channels,
             Span<const Word> masks, Span<float> out, std::size_t threads);

namespace cuda {

// All pointers are device memory of the current device; asynchronous on `stream`. The caller
// keeps the memory alive until the stream has passed. Throws CudaError when the launch fails.
void compose(const float* image, const float* baseline, std::int64_t n_channels,
             std::int64_t n_pixels, const Word* masks, std::int64_t n_masks, float* out,
             Stream stream);

}  // namespace cuda
}  // namespace suffice
