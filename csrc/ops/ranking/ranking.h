// Rankings of pixels and the masks of their prefixes.
//   values    [P]           float32, no NaN; -0.0 equals 0.0
//   order     [L]           int32 pixel indices, each in 0..P-1
//   lengths   [M]           int64, each in 0..L, in any order
//   masks     [M, words(P)] packed, every word is written: mask m keeps order[0 .. lengths[m] - 1]
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cuda_stream.h"
#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

// Which of two equal values comes first: the one further down and right, or further up and left.
enum class Ties { kLast, kFirst };

// order [P] = pixel indices by falling value, equal values by `ties`, every element is written.
// Throws invalid_argument on NaN, on sizes that disagree and on more pixels than int32 counts.
void rank(Span<const float> values, Ties ties, Span<std::int32_t> order);

// Throws invalid_argument on sizes that disagree and on indices or lengths out of range.
void prefix_masks(Span<const std::int32_t> order, Span<const std::int64_t> lengths,
                  std::size_t n_pixels, Span<Word> masks);

namespace cuda {

// Device pointers, asynchronous on `stream`, same bits as the CPU; 4 bytes a pixel are allocated in
// the stream's order. Values can't be checked there without waiting, so they are made harmless:
// places of the order that name no pixel are passed over, lengths are brought into 0..L. Throws
// CudaError when a launch fails, invalid_argument on an order longer than int32 counts.
void prefix_masks(const std::int32_t* order, std::int64_t order_length, const std::int64_t* lengths,
                  std::int64_t n_masks, std::int64_t n_pixels, Word* masks, Stream stream);

}  // namespace cuda
}  // namespace suffice
