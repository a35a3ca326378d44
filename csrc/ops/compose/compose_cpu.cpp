#include <algorithm>
#include <array>
#include <cstring>

#include "core/thread_pool.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define SUFFICE_HAS_STREAMING 1
#endif
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

// Batches of at least this size are written past the caches: they wouldn't stay there anyway, and
// an ordinary store reads the memory it is about to overwrite, which takes half the bandwidth.
constexpr std::size_t kStreamedBytes = std::size_t{8} << 20U;

bool can_stream(const float* out, std::size_t size) {
#ifdef SUFFICE_HAS_STREAMING
  constexpr std::size_t kAlignment = 16;
  return size * sizeof(float) >= kStreamedBytes &&
         reinterpret_cast<std::uintptr_t>(out) % kAlignment == 0;
#else
  (void)out;
  (void)size;
  return false;
#endif
}

#ifdef SUFFICE_HAS_STREAMING
__m128i load(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

// As compose_word; out is aligned to 16 bytes.
void stream_word(const float* image, const float* baseline, Word word, float* out) {
  constexpr std::size_t kStep = 4;
  if (word == 0 || word == ~Word{0}) {
    const float* from = word == 0 ? baseline : image;
    for (std::size_t i = 0; i < kWordBits; i += kStep) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), load(from + i));
    }
    return;
  }
  for (std::size_t i = 0; i < kWordBits; i += kStep) {
    const Lanes& lanes = kLaneMasks[(word >> (i / kLanes * kLanes)) & 0xffU];
    const __m128i mask = load(lanes.data() + i % kLanes);
    const __m128i kept = _mm_and_si128(mask, load(image + i));
    const __m128i removed = _mm_andnot_si128(mask, load(baseline + i));
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), _mm_or_si128(kept, removed));
  }
}
#endif

// Pixels [begin, end) of one channel under one mask; begin is a multiple of the word size.
template <class ComposeWord>
void compose_range(const float* image, const float* baseline, const Word* mask, std::size_t begin,
                   std::size_t end, float* out, ComposeWord compose_one) {
  std::size_t i = begin;
  for (; i + kWordBits <= end; i += kWordBits) {
    compose_one(image + i, baseline + i, mask[i / kWordBits], out + i);
  }
  for (; i < end; ++i) out[i] = get_bit(mask, i) ? image[i] : baseline[i];
}

// What one compose call is about, and the work on one block of pixels of one mask.
struct Composing {
  const float* image;
  const float* baseline;
  std::size_t n_channels;
  std::size_t n_pixels;
  bool streamed;

  void block(const Word* mask, std::size_t begin, std::size_t end, float* out) const {
    for (std::size_t c = 0; c < n_channels; ++c) {
      const std::size_t plane = c * n_pixels;
#ifdef SUFFICE_HAS_STREAMING
      if (streamed) {
        compose_range(image + plane, baseline + plane, mask, begin, end, out + plane, stream_word);
        continue;
      }
#endif
      compose_range(image + plane, baseline + plane, mask, begin, end, out + plane, compose_word);
    }
  }

  // Streamed stores become visible to other threads in no order: this orders them.
  void finish() const {
#ifdef SUFFICE_HAS_STREAMING
    if (streamed) _mm_sfence();
#endif
  }
};

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

  // Planes of a multiple of four pixels are all aligned when the first is.
  const bool streamed = n_pixels % 4 == 0 && can_stream(out.data(), out.size());
  const Composing composing{image.data(), baseline.data(), n_channels, n_pixels, streamed};
  const std::size_t n_blocks = (n_words + kBlockWords - 1) / kBlockWords;
  parallel_for(n_blocks * n_masks, threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t item = first; item < last; ++item) {
      const std::size_t begin = item / n_masks * kBlockWords * kWordBits;
      const std::size_t end = std::min(begin + kBlockWords * kWordBits, n_pixels);
      const std::size_t m = item % n_masks;
      composing.block(masks.data() + m * n_words, begin, end, out.data() + m * image.size());
    }
    composing.finish();
  });
}

}  // namespace suffice
