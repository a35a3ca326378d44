#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "helpers.h"
#include "search/backward/backward_search.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

std::vector<Word> kept(std::size_t n_pixels, const std::vector<std::size_t>& pixels) {
  std::vector<Word> mask(words_for(n_pixels), 0);
  for (const std::size_t i : pixels) set_bit(mask.data(), i);
  return mask;
}

std::vector<std::int32_t> order_of(const BackwardSearch& search) {
  return {search.order().begin(), search.order().end()};
}

// Tells the sum of `weights` over each mask; passes where it reaches `tau`.
std::size_t run(BackwardSearch& search, const std::vector<double>& weights, double tau) {
  std::size_t asked = 0;
  while (const std::size_t n = search.prepare_round()) {
    std::vector<Word> masks(n * search.n_words(), ~Word{0});  // a sentinel: all must be written
    search.write_round(out(masks));
    std::vector<double> values(n, 0.0);
    std::vector<std::uint8_t> passing(n);
    for (std::size_t m = 0; m < n; ++m) {
      const Word* mask = masks.data() + m * search.n_words();
      EXPECT_EQ(count_bits(mask, search.n_words()), search.remaining() - 1);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        if (get_bit(mask, i)) values[m] += weights[i];
      }
      passing[m] = values[m] >= tau ? 1 : 0;
    }
    search.tell(in(values), in(passing));
    asked += n;
  }
  return asked;
}

TEST(BackwardSearch, DropsTheLeastMissedAndCountsAsPublished) {
  const std::vector<double> weights = {4.0, 1.0, 3.0, 2.0};
  const auto start = kept(4, {0, 1, 2, 3});
  BackwardSearch search(in(start), 4, 100);
  EXPECT_EQ(run(search, weights, 5.0), 4U + 3U + 2U + 1U);
  EXPECT_EQ(order_of(search), (std::vector<std::int32_t>{1, 3, 2, 0}));
  const std::vector<double> values(search.values().begin(), search.values().end());
  EXPECT_EQ(values, (std::vector<double>{9.0, 7.0, 4.0, 0.0}));
  const std::vector<std::uint8_t> passing(search.passing().begin(), search.passing().end());
  EXPECT_EQ(passing, (std::vector<std::uint8_t>{1, 1, 0, 0}));
}

TEST(BackwardSearch, TiesDropTheLowestIndexAcrossWordsAndRounds) {
  std::vector<std::size_t> all;
  std::vector<std::int32_t> rising;
  for (std::size_t i = 0; i < 70; ++i) {
    all.push_back(i);
    rising.push_back(static_cast<std::int32_t>(i));
  }
  const auto start = kept(70, all);
  for (const std::size_t width : {1U, 7U, 69U, 70U, 500U}) {
    BackwardSearch search(in(start), 70, width);
    EXPECT_EQ(run(search, std::vector<double>(70, 0.0), 0.0), 70U * 71U / 2U);
    EXPECT_EQ(order_of(search), rising) << width;
  }
}

TEST(BackwardSearch, LeavesOutWhatTheStartDoes) {
  const auto start = kept(130, {3, 64, 129});
  BackwardSearch search(in(start), 130, 2);
  std::vector<double> weights(130, 1.0);
  weights[64] = 0.5;
  EXPECT_EQ(run(search, weights, 0.0), 6U);
  EXPECT_EQ(order_of(search), (std::vector<std::int32_t>{64, 3, 129}));
  EXPECT_EQ(search.remaining(), 0U);
}

TEST(BackwardSearch, NegativeInfinityIsAValue) {
  const auto start = kept(2, {0, 1});
  BackwardSearch search(in(start), 2, 1);
  const std::vector<double> lowest = {-std::numeric_limits<double>::infinity()};
  const std::vector<std::uint8_t> fails = {0};
  for (int i = 0; i < 3; ++i) search.tell(in(lowest), in(fails));
  EXPECT_EQ(order_of(search), (std::vector<std::int32_t>{0, 1}));
}

TEST(BackwardSearch, RefusesWrongInput) {
  const auto start = kept(5, {0, 4});
  const auto beyond = kept(64, {0, 5});
  const auto none = kept(5, {});
  EXPECT_THROW(BackwardSearch(in(none), 5, 1), std::invalid_argument);
  EXPECT_THROW(BackwardSearch(in(beyond), 5, 1), std::invalid_argument);
  EXPECT_THROW(BackwardSearch(in(start), 65, 1), std::invalid_argument);
  EXPECT_THROW(BackwardSearch(in(start), 5, 0), std::invalid_argument);

  BackwardSearch search(in(start), 5, 10);
  const std::vector<std::uint8_t> flags = {1, 1};
  const std::vector<double> short_by_one = {1.0};
  const std::vector<double> nan = {1.0, std::nan("")};
  EXPECT_THROW(search.tell(in(short_by_one), in(flags)), std::invalid_argument);
  EXPECT_THROW(search.tell(in(nan), in(flags)), std::invalid_argument);
  std::vector<Word> small(1);
  EXPECT_THROW(search.write_round(out(small)), std::invalid_argument);
  EXPECT_EQ(search.remaining(), 2U);  // nothing changed
}

}  // namespace
}  // namespace suffice
