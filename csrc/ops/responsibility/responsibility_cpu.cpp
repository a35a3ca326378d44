#include <algorithm>

#include "ops/regions/regions.h"
#include "ops/responsibility/responsibility.h"

namespace suffice {

namespace {

// Unsigned addition: defined when it wraps, and the same bits otherwise.
void add(std::int64_t& to, std::int64_t value) {
  to =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(to) + static_cast<std::uint64_t>(value));
}

std::int64_t negated(std::int64_t value) {
  return static_cast<std::int64_t>(std::uint64_t{0} - static_cast<std::uint64_t>(value));
}

// Index of the lowest set bit of a word that has one.
std::size_t lowest_bit(Word word) {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<std::size_t>(__builtin_ctzll(word));
#else
  std::size_t bit = 0;
  while (((word >> bit) & 1U) == 0) ++bit;
  return bit;
#endif
}

// Eight pixels at a time: inside tiles all are kept, and no bit has to be looked for.
void add_word(Word word, double weight, double* sums) {
  for (std::size_t first = 0; word != 0; word >>= 8U, first += 8) {
    Word eight = word & 0xFFU;
    double* to = sums + first;
    if (eight == 0xFFU) {
      for (std::size_t i = 0; i < 8; ++i) to[i] += weight;
    } else {
      for (; eight != 0; eight &= eight - 1) to[lowest_bit(eight)] += weight;
    }
  }
}

}  // namespace

void add_masks(Span<const Word> packed, Span<const double> weights, Span<double> sums) {
  const std::size_t n_words = words_for(sums.size());
  // Bits beyond the last pixel are zero by contract; here they would write beyond the sums.
  const Word inside = ~Word{0} >> ((kWordBits - sums.size() % kWordBits) % kWordBits);
  SUFFICE_EXPECT(packed.size() == weights.size() * n_words, "add_masks: one weight for each mask");
  for (std::size_t n = 0; n < weights.size(); ++n) {
    const Word* mask = packed.data() + n * n_words;
    for (std::size_t w = 0; w < n_words; ++w) {
      const Word word = w + 1 == n_words ? mask[w] & inside : mask[w];
      add_word(word, weights[n], sums.data() + w * kWordBits);
    }
  }
}

void accumulate(Span<const std::int32_t> boxes, Span<const std::int64_t> values, Shape shape,
                Span<std::int64_t> out) {
  check_boxes(boxes, shape);
  SUFFICE_EXPECT(boxes.size() == values.size() * 4, "accumulate: one value for each box");
  SUFFICE_EXPECT(out.size() == shape.pixels(), "accumulate: out has another size than the image");
  const std::size_t width = shape.width;
  std::fill(out.begin(), out.end(), 0);

  // `out` is first the map's second difference: four corners a box, those past the edge unneeded.
  for (std::size_t n = 0; n < values.size(); ++n) {
    const auto r0 = static_cast<std::size_t>(boxes[4 * n]);
    const auto r1 = static_cast<std::size_t>(boxes[4 * n + 1]);
    const auto c0 = static_cast<std::size_t>(boxes[4 * n + 2]);
    const auto c1 = static_cast<std::size_t>(boxes[4 * n + 3]);
    if (r0 == r1 || c0 == c1) continue;
    add(out[r0 * width + c0], values[n]);
    if (c1 < width) add(out[r0 * width + c1], negated(values[n]));
    if (r1 < shape.height) add(out[r1 * width + c0], negated(values[n]));
    if (r1 < shape.height && c1 < width) add(out[r1 * width + c1], values[n]);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % width != 0) add(out[i], out[i - 1]);
  }
  for (std::size_t i = width; i < out.size(); ++i) add(out[i], out[i - width]);
}

}  // namespace suffice
