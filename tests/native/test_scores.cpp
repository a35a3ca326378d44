#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "helpers.h"
#include "ops/scores/scores.h"

namespace suffice {
namespace {

using testing::in;
using testing::out;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Result {
  explicit Result(std::size_t n)
      : top1(n), top1_confidence(n), confidence(n), lead(n), log_odds(n), wins_tie(n) {}
  DecisionSpans spans() {
    return {out(top1), out(top1_confidence), out(confidence),
            out(lead), out(log_odds),        out(wins_tie)};
  }
  std::vector<std::int32_t> top1;
  std::vector<double> top1_confidence, confidence, lead, log_odds;
  std::vector<std::uint8_t> wins_tie;
};

std::int64_t first_bad_row(const std::vector<float>& scores, OutputKind kind) {
  Result result(scores.size() / 2);
  const std::vector<std::int32_t> targets(scores.size() / 2, 0);
  return decide(in(scores), 2, in(targets), kind, result.spans());
}

TEST(Scores, LogitsOfTwoClasses) {
  const std::vector<float> scores = {1, 3, 3, 1, 2, 2};
  const std::vector<std::int32_t> targets = {0, 0, 1};
  Result result(3);
  ASSERT_EQ(decide(in(scores), 2, in(targets), OutputKind::kLogits, result.spans()), -1);
  EXPECT_EQ(result.top1, (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_EQ(result.lead, (std::vector<double>{-2, 2, 0}));
  EXPECT_EQ(result.log_odds, (std::vector<double>{-2, 2, 0}));
  EXPECT_EQ(result.wins_tie, (std::vector<std::uint8_t>{1, 1, 0}));
  EXPECT_DOUBLE_EQ(result.confidence[0], 1 / (1 + std::exp(2.0)));
  EXPECT_DOUBLE_EQ(result.top1_confidence[0], 1 / (1 + std::exp(-2.0)));
  EXPECT_EQ(result.confidence[1], result.top1_confidence[1]);
}

TEST(Scores, RowsWithoutADecisionAreFound) {
  for (const OutputKind kind :
       {OutputKind::kLogits, OutputKind::kProbabilities, OutputKind::kMultilabel}) {
    EXPECT_EQ(first_bad_row({-1, -1, -1, kNan, kNan, 0}, kind), 1);
    EXPECT_EQ(first_bad_row({-1, -1, -1, -1, kInf, -1}, kind), 2);
    EXPECT_EQ(first_bad_row({-1, -1}, kind), -1);
    EXPECT_EQ(first_bad_row({-kInf, -1}, kind), kind == OutputKind::kProbabilities ? -1 : 0);
  }
}

TEST(Scores, TargetsAndSizesOutOfRangeAreRefused) {
  const std::vector<float> scores = {1, 2};
  Result result(1);
  for (const std::int32_t wrong : {-1, 2}) {
    const std::vector<std::int32_t> targets = {wrong};
    EXPECT_THROW(decide(in(scores), 2, in(targets), OutputKind::kMultilabel, result.spans()),
                 std::invalid_argument);
  }
  const std::vector<std::int32_t> targets = {0};
  EXPECT_THROW(decide(in(scores).sub(0, 1), 1, in(targets), OutputKind::kLogits, result.spans()),
               std::invalid_argument);
  EXPECT_THROW(decide(in(scores), 3, in(targets), OutputKind::kLogits, result.spans()),
               std::invalid_argument);
}

}  // namespace
}  // namespace suffice
