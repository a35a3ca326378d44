// Masks that each leave one pixel out of the same mask: a sweep of backward selection.
//   mask     [words]     packed
//   pixels   [M]         int32, each in 0..64*words-1
//   masks    [M, words]  packed, every word is written: `mask` without pixel pixels[m]
#pragma once

#include <cstdint>

#include "core/cuda_stream.h"
#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

// Throws invalid_argument on sizes that disagree and on pixels out of range.
void leave_one_out(Span<const Word> mask, Span<const std::int32_t> pixels, Span<Word> masks);

namespace cuda {

// Device pointers, asynchronous on `stream`, same bits as the CPU. A pixel out of range, which
// can't be found there without waiting, leaves nothing out. Throws CudaError when the launch fails.
void leave_one_out(const Word* mask, std::int64_t n_words, const std::int32_t* pixels,
                   std::int64_t n_masks, Word* masks, Stream stream);

}  // namespace cuda
}  // namespace suffice
