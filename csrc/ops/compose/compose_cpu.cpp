#include <algorithm>
#include <array>
#include <cstring>

#include "core/thread_pool.h"
#include "ops/compose/compose.h"

namespace suffice {

namespace {

// Pixels are cut into blocks of this many words, and all masks pass over one block before the
// next: image and baseline of a block (16 KiB a channel each) stay in the cache.
constexpr std::size_t kBlockWords = 64;

constexpr std::size_t kLanes = 8;
using Lanes = std::array<std::uint32_t, kLanes>;

constexpr std::array<Lanes, 256> make_lane_masks() {
  std::array<Lanes, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      table[byte][lane] = ((byte >> lane) & 1U) != 0 ? ~std::uint32_t{0} : 0;
    }
  }
  return table;
}

// Eight bits of a mask -> eight 32-bit lanes of all ones or zeros: plain SSE2 has no other cheap
// way from bits to lanes.
alignas(64) constexpr std::array<Lanes, 256> kLaneMasks = make_lane_masks();

void select_8(const float* image, const float* baseline, const Lanes& lanes, float* out) {
  std::uint32_t a[kLanes];
  std::uint32_t b[kLanes];
  std::memcpy(a, image, sizeof a);
  std::memcpy(b, baseline, sizeof b);
  for (std::size_t i = 0; i < kLanes; ++i) b[i] ^= (a[i] ^ b[i]) & lanes[i];
  std::memcpy(out, b, sizeof b);
}

void compose_word(const float* image, const float* baseline, Word word, float* out) {
  if (word == 0) {
    std::memcpy(out, baseline, kWordBits * sizeof(float));
  } else if (word == ~Word{0}) {
    std::memcpy(out, image, kWordBits * sizeof(float));
  } else {
    for (std::size_t i = 0; i < kWordBits; i += kLanes) {
      select_8(image + i, baseline + i, kLaneMasks[(word >> i) & 0xffU], out + i);
    }
  }
}

// Pixels [begin, end) of one channel under one mask; begin is a multiple of the word size.
void compose_range(const float* image, const float* baseline, const Word* mask, std::size_t begin,
                   std::size_t end, float* out) {
  std::size_t i = begin;
  for (; i + kWordBits <= end; i += kWordBits) {
    compose_word(image + i, baseline + i, mask[i / kWordBits], out + i);
  }
  for (; i < end; ++i) out[i] = get_bit(mask, i) ? image[i] : baseline[i];
}

}  // namespace

void compose(Span<const float> image, Span<const float> baseline, std::size_t n_channels,
             Span<const Word> masks, Span<float> out, std::size_t threads) {
  SUFFICE_EXPECT(n_channels > 0 && image.size() % n_channels == 0,
                 "compose: image is no whole number of channels");
  SUFFICE_EXPECT(baseline.size() == image.size(), "compose: image and baseline sizes disagree");
  const std::size_t n_pixels = image.size() / n_channels;
  const std::size_t n_words = words_for(n_pixels);
  SUFFICE_EXPECT(n_pixels > 0, "compose: the image has no pixels");
  const std::size_t n_masks = masks.size() / n_words;
  SUFFICE_EXPECT(masks.size() == n_masks * n_words && out.size() == n_masks * image.size(),
                 "compose: masks and out sizes disagree");

  const std::size_t n_blocks = (n_words + kBlockWords - 1) / kBlockWords;
  parallel_for(n_blocks * n_masks, threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t item = first; item < last; ++item) {
      const std::size_t block = item / n_masks;
      const std::size_t m = item % n_masks;
      const std::size_t begin = block * kBlockWords * kWordBits;
      const std::size_t end = std::min(begin + kBlockWords * kWordBits, n_pixels);
      for (std::size_t c = 0; c < n_channels; ++c) {
        compose_range(image.data() + c * n_pixels, baseline.data() + c * n_pixels,
                      masks.data() + m * n_words, begin, end,
                      out.data() + (m * n_channels + c) * n_pixels);
      }
    }
  });
}

}  // namespace suffice
