#include "core/packed_mask.h"

namespace suffice {

namespace {

// The finaliser of MurmurHash3 (public domain): every input bit reaches every output bit.
Word mix(Word h) {
  h ^= h >> 33U;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33U;
  h *= 0xc4ceb9fe1a85ec53ULL;
  h ^= h >> 33U;
  return h;
}

int popcount(Word w) {
#if defined(__GNUC__) || defined(__clang__)
  return __builtin_popcountll(w);
#else
  w = w - ((w >> 1U) & 0x5555555555555555ULL);
  w = (w & 0x3333333333333333ULL) + ((w >> 2U) & 0x3333333333333333ULL);
  return static_cast<int>((((w + (w >> 4U)) & 0x0f0f0f0f0f0f0f0fULL) * 0x0101010101010101ULL) >>
                          56U);
#endif
}

}  // namespace

void set_bit_range(Word* words, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  const std::size_t first = begin / kWordBits;
  const std::size_t last = (end - 1) / kWordBits;
  const Word head = ~Word{0} << (begin % kWordBits);
  const Word tail = ~Word{0} >> (kWordBits - 1 - (end - 1) % kWordBits);
  if (first == last) {
    words[first] |= head & tail;
    return;
  }
  words[first] |= head;
  for (std::size_t w = first + 1; w < last; ++w) words[w] = ~Word{0};
  words[last] |= tail;
}

std::size_t count_bits(const Word* words, std::size_t n_words) {
  std::size_t total = 0;
  for (std::size_t w = 0; w < n_words; ++w) total += static_cast<std::size_t>(popcount(words[w]));
  return total;
}

void pack_masks(Span<const std::uint8_t> keep, std::size_t n_pixels, Span<Word> packed) {
  const std::size_t n_words = words_for(n_pixels);
  if (n_words == 0) return;
  const std::size_t n_masks = packed.size() / n_words;
  SUFFICE_EXPECT(packed.size() == n_masks * n_words && keep.size() == n_masks * n_pixels,
                 "pack_masks: keep and packed sizes disagree");
  for (std::size_t m = 0; m < n_masks; ++m) {
    const std::uint8_t* from = keep.data() + m * n_pixels;
    Word* to = packed.data() + m * n_words;
    for (std::size_t w = 0; w < n_words; ++w) {
      const std::size_t begin = w * kWordBits;
      const std::size_t end = begin + kWordBits < n_pixels ? begin + kWordBits : n_pixels;
      Word word = 0;
      for (std::size_t i = begin; i < end; ++i) word |= Word{from[i] != 0} << (i - begin);
      to[w] = word;
    }
  }
}

void unpack_masks(Span<const Word> packed, std::size_t n_pixels, Span<std::uint8_t> keep) {
  const std::size_t n_words = words_for(n_pixels);
  if (n_words == 0) return;
  const std::size_t n_masks = packed.size() / n_words;
  SUFFICE_EXPECT(packed.size() == n_masks * n_words && keep.size() == n_masks * n_pixels,
                 "unpack_masks: keep and packed sizes disagree");
  for (std::size_t m = 0; m < n_masks; ++m) {
    const Word* from = packed.data() + m * n_words;
    std::uint8_t* to = keep.data() + m * n_pixels;
    for (std::size_t i = 0; i < n_pixels; ++i) to[i] = get_bit(from, i) ? 1 : 0;
  }
}

void count_masks(Span<const Word> packed, std::size_t n_words, Span<std::int64_t> counts) {
  SUFFICE_EXPECT(packed.size() == counts.size() * n_words,
                 "count_masks: packed and counts sizes disagree");
  for (std::size_t m = 0; m < counts.size(); ++m) {
    counts[m] = static_cast<std::int64_t>(count_bits(packed.data() + m * n_words, n_words));
  }
}

void hash_masks(Span<const Word> packed, std::size_t n_words, Span<std::uint64_t> digests) {
  SUFFICE_EXPECT(n_words > 0 && packed.size() / n_words * 2 == digests.size(),
                 "hash_masks: packed and digests sizes disagree");
  for (std::size_t m = 0; m < digests.size() / 2; ++m) {
    const Word* words = packed.data() + m * n_words;
    Word a = 0x9e3779b97f4a7c15ULL;
    Word b = 0xd1b54a32d192ed03ULL;
    for (std::size_t w = 0; w < n_words; ++w) {
      a = mix(a ^ words[w]) + 0x9e3779b97f4a7c15ULL;
      b = mix(b + words[w] * 0xda942042e4dd58b5ULL) ^ (b >> 7U);
    }
    digests[2 * m] = mix(a ^ n_words);
    digests[2 * m + 1] = mix(b + n_words);
  }
}

}  // namespace suffice
