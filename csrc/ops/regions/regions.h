// Regions: from boxes, tiles, grids and label maps to packed masks.
//   boxes      [N, 4]        int32 (r0, r1, c0, c1), half-open, 0 <= r0 <= r1 <= H, same for c
//   offsets    [M + 1]       int64, from 0 to N, never falling: mask m is the union of the boxes
//                            offsets[m] .. offsets[m + 1] - 1
//   labels     [P]           int32, each in 0..R-1 (P = H*W pixels, row-major)
//   choices    [M, words(R)] uint64, bit r of row m set = region r keeps its pixels; bits beyond R
//                            are ignored
//   masks      [M, words(P)] packed, every word is written, bits beyond P are zero
// The CPU versions throw invalid_argument on sizes that disagree and on values out of range.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cuda_stream.h"
#include "core/packed_mask.h"
#include "core/shape.h"
#include "core/span.h"

namespace suffice {

void check_boxes(Span<const std::int32_t> boxes, Shape shape);
void check_offsets(Span<const std::int64_t> offsets, std::size_t n_boxes);
void check_labels(Span<const std::int32_t> labels, std::size_t n_regions);

void masks_from_boxes(Span<const std::int32_t> boxes, Span<const std::int64_t> offsets, Shape shape,
                      Span<Word> masks);

void masks_from_labels(Span<const std::int32_t> labels, Span<const Word> choices,
                       std::size_t n_regions, Span<Word> masks);

// labels [P]: number of the grain x grain tile of each pixel, counted along rows of tiles from the
// top-left corner; the last row and column of tiles may be smaller.
void tile_labels(Shape shape, std::size_t grain, Span<std::int32_t> labels);

// labels [P]: number of the cell of a rows x cols grid, boundaries floor(i*H/rows) and
// floor(j*W/cols). rows <= H and cols <= W, so that no cell is empty.
void grid_labels(Shape shape, std::size_t rows, std::size_t cols, Span<std::int32_t> labels);

namespace cuda {

// Device pointers, asynchronous on `stream`, same bits as the CPU. Values can't be checked there
// without waiting, so they are made harmless: boxes are clipped to the image, offsets to 0..N, and
// a pixel whose label is out of range is removed. Throw CudaError when the launch fails.
void masks_from_boxes(const std::int32_t* boxes, std::int64_t n_boxes, const std::int64_t* offsets,
                      std::int64_t n_masks, Shape shape, Word* masks, Stream stream);

void masks_from_labels(const std::int32_t* labels, std::int64_t n_pixels, const Word* choices,
                       std::int64_t n_masks, std::int64_t n_regions, Word* masks, Stream stream);

}  // namespace cuda
}  // namespace suffice
