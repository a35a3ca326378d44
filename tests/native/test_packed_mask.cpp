#include <gtest/gtest.h>

#include "helpers.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

TEST(PackedMask, SetBitRangeSetsExactlyTheRange) {
  for (std::size_t begin = 0; begin <= 130; ++begin) {
    for (std::size_t end = 0; end <= 130; ++end) {
      std::vector<Word> words(words_for(130), 0);
      set_bit_range(words.data(), begin, end);
      for (std::size_t i = 0; i < 130; ++i) {
        ASSERT_EQ(get_bit(words.data(), i), begin <= i && i < end) << begin << " " << end;
      }
    }
  }
}

TEST(PackedMask, UnpackingGivesBackWhatWasPacked) {
  std::mt19937_64 random(1);
  for (const std::size_t n_pixels : {1U, 63U, 64U, 65U, 200U}) {
    const std::vector<Word> masks = testing::random_masks(random, 3, n_pixels);
    std::vector<std::uint8_t> keep(3 * n_pixels, 7);
    unpack_masks(in(masks), n_pixels, out(keep));
    std::vector<Word> again(masks.size(), ~Word{0});
    pack_masks(in(keep), n_pixels, out(again));
    EXPECT_EQ(again, masks);
  }
}

TEST(PackedMask, CountsAndHashesEachMaskByItself) {
  const std::vector<Word> masks = {0, 0, 1, 3, 0, 0};
  std::vector<std::int64_t> counts(3, -1);
  count_masks(in(masks), 2, out(counts));
  EXPECT_EQ(counts, (std::vector<std::int64_t>{0, 3, 0}));
  std::vector<std::uint64_t> digests(6, 0);
  hash_masks(in(masks), 2, out(digests));
  EXPECT_EQ(digests[0], digests[4]);
  EXPECT_EQ(digests[1], digests[5]);
  EXPECT_NE(digests[0], digests[2]);
  EXPECT_NE(digests[1], digests[3]);
}

TEST(PackedMask, SizesThatDisagreeAreRefused) {
  const std::vector<std::uint8_t> keep(10, 1);
  std::vector<Word> packed(2);
  EXPECT_THROW(pack_masks(in(keep), 10, out(packed)), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
