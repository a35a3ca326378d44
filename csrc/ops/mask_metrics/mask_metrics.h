// Comparisons of masks.
//   masks   [M, words]   packed, bits beyond the pixels zero
//   out     [M, M]       float64, every element is written
#pragma once

#include <cstddef>

#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

// Dice coefficient 2 |A & B| / (|A| + |B|) of every pair; 1 where both are empty. Symmetric, with
// a diagonal of ones. Throws invalid_argument on sizes that disagree.
void dice(Span<const Word> masks, std::size_t n_words, Span<double> out);

}  // namespace suffice
