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
#include "core/element.h"
#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

// Throws invalid_argument on sizes that disagree. At most `threads` threads take part.
void compose(Span<const float> image, Span<const float> baseline, std::size_t n_channels,
             Span<const Word> masks, Span<float> out, std::size_t threads);

namespace cuda {

// Order of the elements of one composite on the device: [C, H, W] or [H, W, C].
enum class Layout { kNchw, kNhwc };

struct ComposeSizes {
  std::int64_t subjects = 1;    // S
  std::int64_t channels = 0;    // C
  std::int64_t pixels = 0;      // P
  std::int64_t masks = 0;       // M, rows of the batch
  std::int64_t label_maps = 1;  // 1 or S
  std::int64_t regions = 0;     // R
};

// Device pointers. A batch may hold rows of several subjects, in one launch:
//   image, baseline  [S, C, P]           float32
//   rows             [M]                 int32, the subject of each row; null = all of subject 0
//   labels           [S or 1, P]         int32 regions, or null
//   bits             [M, words(P)]       packed masks where labels is null, otherwise
//                    [M, words(R)]       choices of regions: bit r set = region r is kept
// Values on the device can't be checked without waiting for it, so they are made harmless: a pixel
// whose label is outside 0..R-1 is removed, a row whose subject is outside 0..S-1 is all NaN (which
// no model's scores survive unseen).
struct ComposeInput {
  ComposeSizes sizes;
  const float* image = nullptr;
  const float* baseline = nullptr;
  const std::int32_t* rows = nullptr;
  const std::int32_t* labels = nullptr;
  const Word* bits = nullptr;
};

// out [M, C, P] or [M, P, C] of `element`, every element is written; overlaps no input. float32 is
// copied bit by bit, the others are rounded to nearest even (core/half.h). Rows of one subject
// should be neighbours: a thread reads image and baseline again where the subject changes.
// Asynchronous on `stream`, one launch; the caller keeps the memory alive until the stream has
// passed. Throws CudaError when the launch fails, invalid_argument on sizes that can't be.
void compose(const ComposeInput& input, Element element, Layout layout, void* out, Stream stream);

}  // namespace cuda
}  // namespace suffice
