// Packed masks: how masks of kept pixels travel everywhere.
//   one mask   [words(P)]  uint64, bit i%64 of word i/64 set = pixel i (row-major) is kept
//   a batch    [M, words(P)]
// Bits beyond P are zero, always: counts, hashes and comparisons rely on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/span.h"

namespace suffice {

using Word = std::uint64_t;
constexpr std::size_t kWordBits = 64;

constexpr std::size_t words_for(std::size_t bits) { return (bits + kWordBits - 1) / kWordBits; }

inline bool get_bit(const Word* words, std::size_t i) {
  return (words[i / kWordBits] >> (i % kWordBits)) & 1U;
}

inline void set_bit(Word* words, std::size_t i) {
  words[i / kWordBits] |= Word{1} << (i % kWordBits);
}

// Sets bits [begin, end) of one mask.
void set_bit_range(Word* words, std::size_t begin, std::size_t end);

// Number of set bits in one mask.
std::size_t count_bits(const Word* words, std::size_t n_words);

// keep [M, P] bytes (0 = removed, otherwise kept) -> packed [M, words(P)], every word written.
void pack_masks(Span<const std::uint8_t> keep, std::size_t n_pixels, Span<Word> packed);

// packed [M, words(P)] -> keep [M, P] bytes of 0 or 1, every byte written.
void unpack_masks(Span<const Word> packed, std::size_t n_pixels, Span<std::uint8_t> keep);

// counts [M] = number of kept pixels of each mask.
void count_masks(Span<const Word> packed, std::size_t n_words, Span<std::int64_t> counts);

// digests [M, 2]: a 128-bit hash of each mask, the key of the engine's cache of repeated masks.
void hash_masks(Span<const Word> packed, std::size_t n_words, Span<std::uint64_t> digests);

}  // namespace suffice
