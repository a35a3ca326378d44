// Merging the iterations' credits into the responsibility map of one class.
#pragma once

#include <cstdint>
#include <vector>

#include "core/span.h"
#include "search/rex/iteration.h"

namespace suffice::rex {

struct ImageSize {
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::size_t pixels() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
};

using Iterations = Span<const Iteration>;

// Whether any pixel of `label`'s map was credited.
bool has_credit(Iterations iterations, std::int32_t label);

// The map of one class in float64: kMultiplicative the sum over iterations, in order, of
// log1p(R_i), the logarithm of rex-xai's product without its underflow; kAdditive the sum of R_i.
// Each R_i is an exact int64 sum of credits.
std::vector<double> merged_map(Iterations iterations, std::int32_t label, Merge merge,
                               ImageSize size);

// merged_map of the target, less those of all other classes (ascending) when settings.negative,
// as float32 [pixels].
void responsibility(Iterations iterations, std::int32_t target, const Settings& settings,
                    ImageSize size, Span<float> out);

// The same with rex-xai's float32 arithmetic, step by step: local maps that start at 1 (or 0),
// products divided by their maximum each time, other classes subtracted in the order in which
// they appeared.
void responsibility_compat(Iterations iterations, std::int32_t target, const Settings& settings,
                           ImageSize size, Span<float> out);

}  // namespace suffice::rex
