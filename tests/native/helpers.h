// What the native tests share: spans of vectors, random masks, the bits of a float.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice::testing {

template <class T>
Span<const T> in(const std::vector<T>& values) {
  return Span<const T>(values.data(), values.size());
}

template <class T>
Span<T> out(std::vector<T>& values) {
  return Span<T>(values.data(), values.size());
}

inline std::uint32_t bits(float value) {
  std::uint32_t word = 0;
  std::memcpy(&word, &value, sizeof word);
  return word;
}

// Masks [n, pixels] of random density, packed; the memory ends where the last word does.
inline std::vector<Word> random_masks(std::mt19937_64& random, std::size_t n,
                                      std::size_t n_pixels) {
  std::vector<Word> masks(n * words_for(n_pixels), 0);
  for (std::size_t m = 0; m < n; ++m) {
    const std::uint64_t limit = random() % 101;
    for (std::size_t i = 0; i < n_pixels; ++i) {
      if (random() % 100 < limit) set_bit(masks.data() + m * words_for(n_pixels), i);
    }
  }
  return masks;
}

}  // namespace suffice::testing
