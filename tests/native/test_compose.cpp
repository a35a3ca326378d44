#include <gtest/gtest.h>

#include <limits>

#include "helpers.h"
#include "ops/compose/compose.h"

namespace suffice {
namespace {

using testing::bits;
using testing::in;
using testing::out;

std::vector<float> random_image(std::mt19937_64& random, std::size_t size) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> choices = {0.0F, -0.0F, kNan, -kNan, kInf, -kInf, 1.5F, -2.0F, 1e-45F};
  std::vector<float> image(size);
  for (float& value : image) value = choices[random() % choices.size()];
  return image;
}

// All sizes and thread counts; every buffer ends at its last element, so that a sanitizer sees
// reads and writes past it.
TEST(Compose, EveryElementIsTheImagesOrTheBaselinesBitByBit) {
  std::mt19937_64 random(1);
  for (const std::size_t n_pixels : {1U, 7U, 63U, 64U, 65U, 4096U, 4161U, 9000U}) {
    for (const std::size_t channels : {1U, 3U}) {
      const std::vector<float> image = random_image(random, channels * n_pixels);
      const std::vector<float> baseline = random_image(random, channels * n_pixels);
      const std::vector<Word> masks = testing::random_masks(random, 5, n_pixels);
      for (const std::size_t threads : {1U, 3U}) {
        std::vector<float> composites(5 * channels * n_pixels, 99.0F);
        compose(in(image), in(baseline), channels, in(masks), out(composites), threads);
        for (std::size_t i = 0; i < composites.size(); ++i) {
          const std::size_t pixel = i % n_pixels;
          const std::size_t m = i / (channels * n_pixels);
          const bool kept = get_bit(masks.data() + m * words_for(n_pixels), pixel);
          const std::size_t from = i % (channels * n_pixels);
          ASSERT_EQ(bits(composites[i]), bits(kept ? image[from] : baseline[from]));
        }
      }
    }
  }
}

// Large enough to be written past the caches.
TEST(Compose, LargeBatchesToo) {
  std::mt19937_64 random(2);
  constexpr std::size_t kPixels = 100 * 1001;
  constexpr std::size_t kMasks = 24;
  const std::vector<float> image(kPixels, 1.0F);
  const std::vector<float> baseline(kPixels, 0.0F);
  const std::vector<Word> masks = testing::random_masks(random, kMasks, kPixels);
  std::vector<float> composites(kMasks * kPixels, 99.0F);
  compose(in(image), in(baseline), 1, in(masks), out(composites), 2);
  for (std::size_t i = 0; i < composites.size(); ++i) {
    const Word* mask = masks.data() + i / kPixels * words_for(kPixels);
    ASSERT_EQ(composites[i], get_bit(mask, i % kPixels) ? 1.0F : 0.0F);
  }
}

TEST(Compose, SizesThatDisagreeAreRefused) {
  const std::vector<float> image(12, 1.0F);
  const std::vector<float> shorter(9, 1.0F);
  const std::vector<Word> masks(2, 0);
  std::vector<float> composites(24);
  EXPECT_THROW(compose(in(image), in(shorter), 3, in(masks), out(composites), 1),
               std::invalid_argument);
  EXPECT_THROW(compose(in(image), in(image), 5, in(masks), out(composites), 1),
               std::invalid_argument);
  EXPECT_THROW(compose(in(image), in(image), 0, in(masks), out(composites), 1),
               std::invalid_argument);
  composites.resize(23);
  EXPECT_THROW(compose(in(image), in(image), 3, in(masks), out(composites), 1),
               std::invalid_argument);
}

}  // namespace
}  // namespace suffice
