#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "ops/ranking/ranking.h"

namespace suffice {

namespace {

// Unsigned key that falls as the value rises. Adding 0 turns -0.0 into 0.0.
std::uint32_t falling_key(float value) {
  value += 0.0F;
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  constexpr std::uint32_t kSign = 0x80000000U;
  const std::uint32_t rising = (bits & kSign) != 0 ? ~bits : bits | kSign;
  return ~rising;
}

}  // namespace

void rank(Span<const float> values, Ties ties, Span<std::int32_t> order) {
  const std::size_t n = values.size();
  SUFFICE_EXPECT(order.size() == n, "rank: order and values sizes disagree");
  SUFFICE_EXPECT(n <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
                 "rank: more pixels than int32 indices can name");
  // Key and tie-breaking index in one integer: all are different, so any sort gives one order.
  std::vector<std::uint64_t> keys(n);
  for (std::size_t i = 0; i < n; ++i) {
    SUFFICE_EXPECT(!std::isnan(values[i]), "rank: value " + std::to_string(i) + " is NaN");
    const std::size_t tie = ties == Ties::kLast ? n - 1 - i : i;
    keys[i] = std::uint64_t{falling_key(values[i])} << 32U | tie;
  }
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t tie = keys[i] & 0xffffffffU;
    order[i] = static_cast<std::int32_t>(ties == Ties::kLast ? n - 1 - tie : tie);
  }
}

void prefix_masks(Span<const std::int32_t> order, Span<const std::int64_t> lengths,
                  std::size_t n_pixels, Span<Word> masks) {
  const std::size_t n_words = words_for(n_pixels);
  SUFFICE_EXPECT(masks.size() == lengths.size() * n_words,
                 "prefix_masks: lengths and masks sizes disagree");
  for (std::size_t i = 0; i < order.size(); ++i) {
    SUFFICE_EXPECT(order[i] >= 0 && static_cast<std::size_t>(order[i]) < n_pixels,
                   "prefix_masks: order[" + std::to_string(i) + "] is " + std::to_string(order[i]) +
                       ", expected a pixel index below " + std::to_string(n_pixels));
  }
  for (const std::int64_t length : lengths) {
    SUFFICE_EXPECT(length >= 0 && static_cast<std::size_t>(length) <= order.size(),
                   "prefix_masks: length " + std::to_string(length) + " is outside 0.." +
                       std::to_string(order.size()));
  }
  // From the shortest prefix to the longest, each grown from the one before.
  std::vector<std::size_t> by_length(lengths.size());
  std::iota(by_length.begin(), by_length.end(), std::size_t{0});
  std::sort(by_length.begin(), by_length.end(),
            [&](std::size_t a, std::size_t b) { return lengths[a] < lengths[b]; });
  std::vector<Word> grown(n_words, 0);
  std::size_t done = 0;
  for (const std::size_t m : by_length) {
    for (; done < static_cast<std::size_t>(lengths[m]); ++done) {
      set_bit(grown.data(), static_cast<std::size_t>(order[done]));
    }
    std::copy(grown.begin(), grown.end(), masks.data() + m * n_words);
  }
}

}  // namespace suffice
