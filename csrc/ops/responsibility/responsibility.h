// Responsibility: sums of weighted boxes, exact in 64-bit integers (fixed point is the caller's).
//   boxes    [N, 4]   int32 (r0, r1, c0, c1), half-open, 0 <= r0 <= r1 <= H, same for c
//   values   [N]      int64, what each box adds to every pixel inside it
//   out      [H, W]   int64, every element is written: sum of the values of the boxes that hold
//                     the pixel. Sums wrap modulo 2^64; callers choose a scale that never gets
//                     there
// Integer sums don't depend on their order: every backend and thread count gives identical bits.
//
// And sums of weighted masks, in double:
//   packed   [N, words(H*W)]  masks
//   weights  [N]              what each mask adds to every pixel it keeps
//   sums     [H*W]            double, added to
// A pixel's weights are added in the order of the masks and nothing is multiplied, so all machines
// give identical bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cuda_stream.h"
#include "core/packed_mask.h"
#include "core/shape.h"
#include "core/span.h"

namespace suffice {

// Throws invalid_argument on sizes that disagree and on boxes that leave the image.
// Cost: O(N + H*W), however large the boxes are.
void accumulate(Span<const std::int32_t> boxes, Span<const std::int64_t> values, Shape shape,
                Span<std::int64_t> out);

// Throws invalid_argument on sizes that disagree. Cost: O(N * words + kept pixels).
void add_masks(Span<const Word> packed, Span<const double> weights, Span<double> sums);

namespace cuda {

// Device pointers, asynchronous on `stream`. Boxes are clipped to the image, since values can't be
// checked there without waiting. Throws CudaError when a launch fails.
void accumulate(const std::int32_t* boxes, const std::int64_t* values, std::int64_t n_boxes,
                Shape shape, std::int64_t* out, Stream stream);

}  // namespace cuda
}  // namespace suffice
