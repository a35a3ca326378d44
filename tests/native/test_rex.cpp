#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "core/philox.h"
#include "helpers.h"
#include "ops/regions/split.h"
#include "search/rex/rex_search.h"

namespace suffice {
namespace {

// First vector of the generator's published known-answer tests.
TEST(Philox, KnownAnswer) {
  const PhiloxCounter words = philox4x64({0, 0}, {0, 0, 0, 0});
  const PhiloxCounter expected = {0x16554d9eca36314cULL, 0xdb20fe9d672d0fdcULL,
                                  0xd7e772cee186176bULL, 0x7e68b68aec7ba23bULL};
  EXPECT_EQ(words, expected);
}

TEST(Philox, HighProduct) {
  constexpr std::uint64_t kMax = ~std::uint64_t{0};
  EXPECT_EQ(mulhi64(kMax, kMax), kMax - 1);
  EXPECT_EQ(mulhi64(std::uint64_t{1} << 63U, 10), 5U);
  EXPECT_EQ(mulhi64(kMax, 1), 0U);
}

TEST(Split, ChildrenTileTheBox) {
  const Box box{2, 7, 3, 9};
  for (std::int64_t position = 0; position < box.area(); ++position) {
    std::vector<int> covered(200, 0);
    for (const Box& child : split_box(box, position)) {
      for (std::int32_t r = child.r0; r < child.r1; ++r) {
        for (std::int32_t c = child.c0; c < child.c1; ++c)
          ++covered[static_cast<std::size_t>(r * 20 + c)];
      }
    }
    std::int64_t once = 0;
    for (const int n : covered) {
      ASSERT_LE(n, 1);
      once += n;
    }
    EXPECT_EQ(once, box.area());
  }
  EXPECT_THROW(split_box(box, box.area()), std::invalid_argument);
  EXPECT_THROW(split_box(box, -1), std::invalid_argument);
}

TEST(Split, UniformReachesEveryPositionButTheFirst) {
  const Box box{0, 3, 5, 8};
  std::set<std::int64_t> seen;
  for (std::uint64_t path = 1; path < 300; ++path) {
    seen.insert(*draw_split(box, SplitRule{}, SplitStream{{1, 2}, 0, path, 0}));
  }
  EXPECT_EQ(seen.size(), 8U);
  EXPECT_EQ(seen.count(0), 0U);
}

TEST(Split, OnePixelDoesNotSplit) {
  for (const auto distribution : {Distribution::kUniform, Distribution::kBinom,
                                  Distribution::kBetaBinom, Distribution::kAdaptive}) {
    SplitRule rule;
    rule.distribution = distribution;
    EXPECT_FALSE(draw_split(Box{0, 1, 0, 1}, rule, SplitStream{}).has_value());
  }
}

TEST(Split, AdaptiveRefusesASmallMap) {
  const std::vector<double> map(10, 1.0);
  SplitRule rule;
  rule.distribution = Distribution::kAdaptive;
  rule.weights = {map.data(), map.size()};
  rule.image_width = 5;
  EXPECT_THROW(draw_split(Box{0, 3, 0, 5}, rule, SplitStream{}), std::invalid_argument);
}

// Class 1 exactly when two given pixels are kept.
std::size_t run(rex::RexSearch& search) {
  std::size_t rounds = 0;
  while (const std::size_t n = search.prepare_round()) {
    EXPECT_EQ(search.prepare_round(), n);  // asking twice changes nothing
    std::vector<Word> masks(n * search.n_words(), 0);
    search.write_round({masks.data(), masks.size()});
    std::vector<std::int32_t> top1(n);
    std::vector<double> confidence(n, 0.75);
    std::vector<std::uint8_t> passing(n);
    for (std::size_t m = 0; m < n; ++m) {
      const Word* mask = masks.data() + m * search.n_words();
      passing[m] = get_bit(mask, 45) && get_bit(mask, 200) ? 1 : 0;
      top1[m] = passing[m];
    }
    EXPECT_THROW(search.tell({top1.data(), n - 1}, {confidence.data(), n}, {passing.data(), n}),
                 std::invalid_argument);
    search.tell({top1.data(), n}, {confidence.data(), n}, {passing.data(), n});
    ++rounds;
  }
  return rounds;
}

TEST(RexSearch, CreditsThePixelsThatMatter) {
  for (const bool compat : {false, true}) {
    rex::Settings settings;
    settings.compat = compat;
    settings.queue_len = 2;
    rex::RexSearch search(17, 19, 1, settings, 3, 4);
    EXPECT_GT(run(search), 2U);
    EXPECT_TRUE(search.has_credit(1));
    std::vector<float> map(17 * 19, -1.0F);
    search.responsibility(1, {map.data(), map.size()});
    const float corner = map[18];
    EXPECT_GT(map[45], corner);
    EXPECT_GT(map[200], corner);
    EXPECT_THROW(search.responsibility(1, {map.data(), map.size() - 1}), std::invalid_argument);
  }
}

TEST(RexSearch, RefusesWhatWouldNotFitOrEnd) {
  const auto start = [](auto change) {
    rex::Settings settings;
    change(settings);
    rex::RexSearch search(8, 8, 0, settings, 0, 0);
  };
  EXPECT_THROW(start([](rex::Settings& s) { s.tree_depth = 31; }), std::invalid_argument);
  EXPECT_THROW(start([](rex::Settings& s) { s.min_box_size = 0; }), std::invalid_argument);
  EXPECT_THROW(start([](rex::Settings& s) { s.adaptive_block = 0; }), std::invalid_argument);
  EXPECT_THROW(start([](rex::Settings& s) { s.alpha = 0.0; }), std::invalid_argument);
  EXPECT_THROW(start([](rex::Settings& s) { s.iterations = 0; }), std::invalid_argument);
  EXPECT_THROW(rex::RexSearch(0, 8, 0, rex::Settings{}, 0, 0), std::invalid_argument);
}

TEST(RexSearch, InjectionIsChecked) {
  rex::Settings settings;
  settings.iterations = 2;
  rex::RexSearch search(8, 8, 0, settings, 0, 0);
  EXPECT_THROW(search.inject_splits(2, {}), std::invalid_argument);
  EXPECT_THROW(search.set_queue_order(0, {"R:0"}), std::invalid_argument);
  EXPECT_EQ(search.queue_names(1), std::vector<std::string>{"R"});
  search.inject_splits(0, {{1, 64}});  // outside the root
  EXPECT_THROW(search.prepare_round(), std::invalid_argument);
}

}  // namespace
}  // namespace suffice
