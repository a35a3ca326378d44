// Measures and comparisons of masks.
//   masks   [M, words]   packed, bits beyond the pixels zero
// Every element of an output is written. All throw invalid_argument on sizes that disagree.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/packed_mask.h"
#include "core/shape.h"
#include "core/span.h"

namespace suffice {

// Stands for a distance to a mask that keeps no pixel.
constexpr std::int32_t kNoDistance = -1;

enum class Neighbours { kFour = 4, kEight = 8 };

// Dice coefficient 2 |A & B| / (|A| + |B|) of every pair; 1 where both are empty. Symmetric, with
// a diagonal of ones.
//   out     [M, M]       float64
void dice(Span<const Word> masks, std::size_t n_words, Span<double> out);

// Squared Euclidean distance of every pixel to the nearest kept one, exact; kNoDistance everywhere
// where a mask keeps none. Throws where the squared diagonal, H^2 + W^2, exceeds int32.
// Source: the two passes of Meijster, Roerdink, Hesselink (2000), in integers.
//   out     [M, P]       int32
void squared_distances(Span<const Word> masks, Shape shape, std::size_t threads,
                       Span<std::int32_t> out);

// Directed Hausdorff distance from every mask to every other, squared. Element (a, b) is the
// smallest d for which at least `percent` per cent of the pixels of a are within d of b: the value
// of rank ceil(|a| * percent / 100) among their distances, their largest at 100. It is 0 where a is
// empty, and kNoDistance where only b is. One distance transform a mask; threads share the masks.
//   percent              above 0, at most 100
//   out     [M, M]       int32
void directed_hausdorff(Span<const Word> masks, Shape shape, double percent, std::size_t threads,
                        Span<std::int32_t> out);

// Connected components. Labels count from 1 in the order of the components' first pixels, row by
// row; 0 is a pixel that is not kept.
//   labels  [M, P]       int32
//   counts  [M]          int32, components of each mask
void components(Span<const Word> masks, Shape shape, Neighbours neighbours, std::size_t threads,
                Span<std::int32_t> labels, Span<std::int32_t> counts);

}  // namespace suffice
