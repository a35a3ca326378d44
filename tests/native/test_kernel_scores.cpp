// The text of the kernel that judges scores, run on the CPU (emulate.h) against the CPU version.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "emulate.h"
#include "helpers.h"
#include "ops/scores/scores.h"
#include "ops/scores/scores_kernel.h"

namespace suffice {
namespace {

using cuda::DecideKernel;
using testing::in;
using testing::out;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr double kPoison = -12345.0;

// The CPU's decisions in the device's columns.
std::vector<double> expected_columns(const std::vector<float>& scores, std::size_t n_classes,
                                     const std::vector<std::int32_t>& targets, OutputKind kind) {
  const std::size_t n = targets.size();
  std::vector<std::int32_t> top1(n);
  std::vector<double> top1_confidence(n), confidence(n), lead(n), log_odds(n);
  std::vector<std::uint8_t> wins_tie(n);
  const DecisionSpans spans{out(top1), out(top1_confidence), out(confidence),
                            out(lead), out(log_odds),        out(wins_tie)};
  EXPECT_EQ(decide(in(scores), n_classes, in(targets), kind, spans), -1);
  std::vector<double> columns;
  for (std::size_t i = 0; i < n; ++i) {
    const double own = scores[i * n_classes + static_cast<std::size_t>(targets[i])];
    columns.insert(columns.end(),
                   {static_cast<double>(top1[i]), top1_confidence[i], confidence[i], lead[i],
                    log_odds[i], static_cast<double>(wins_tie[i]), own, 1.0});
  }
  return columns;
}

template <class Type>
std::vector<double> emulated(const std::vector<float>& scores, std::size_t n_classes,
                             const std::vector<std::int32_t>& targets, OutputKind kind,
                             std::size_t which_shape = 0) {
  std::vector<typename Type::Bits> stored;
  for (const float score : scores) stored.push_back(Type::from_float(testing::bits(score)));
  std::vector<double> columns(targets.size() * cuda::kDecisionColumns, kPoison);
  const DecideKernel<Type> kernel{stored.data(),
                                  static_cast<std::int64_t>(targets.size()),
                                  static_cast<std::int64_t>(n_classes),
                                  targets.data(),
                                  kind,
                                  columns.data()};
  testing::emulate_warps(kernel, testing::shapes_to_try(kernel.shape())[which_shape]);
  return columns;
}

bool is_exact(std::size_t column) {
  return column == cuda::kTop1 || column == cuda::kLead || column == cuda::kWinsTie ||
         column == cuda::kScore || column == cuda::kUsable;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::size_t column = i % cuda::kDecisionColumns;
    if (is_exact(column) || std::isinf(expected[i])) {
      ASSERT_EQ(found[i], expected[i]) << "column " << column;
    } else {
      ASSERT_NEAR(found[i], expected[i], 4e-14 * std::max(std::abs(expected[i]), 1e-3))
          << "column " << column;
    }
  }
}

// Scores with many ties, which every type holds exactly; probabilities may be 0.
std::vector<float> random_scores(std::mt19937_64& random, std::size_t n, OutputKind kind) {
  std::vector<float> scores(n);
  for (float& score : scores) {
    score = static_cast<float>(random() % 40) / 4 - 10.0F;
    if (kind == OutputKind::kProbabilities && random() % 8 == 0) score = -kInf;
    if (random() % 20 == 0) score = -0.0F;
  }
  return scores;
}

const std::vector<OutputKind> kKinds = {OutputKind::kLogits, OutputKind::kProbabilities,
                                        OutputKind::kMultilabel};

TEST(KernelScores, DecisionsAreTheCpus) {
  std::mt19937_64 random(1);
  for (const OutputKind kind : kKinds) {
    for (const std::size_t n_classes : {1U, 2U, 3U, 31U, 32U, 33U, 100U, 1000U}) {
      if (n_classes == 1 && kind != OutputKind::kMultilabel) continue;
      const std::vector<float> scores = random_scores(random, 17 * n_classes, kind);
      std::vector<std::int32_t> targets(17);
      for (auto& target : targets) target = static_cast<std::int32_t>(random() % n_classes);
      const auto expected = expected_columns(scores, n_classes, targets, kind);
      const auto found = emulated<cuda::Float32>(scores, n_classes, targets, kind);
      expect_close(found, expected);
      for (const std::size_t shape : {1U, 2U}) {  // to the bit, however it is launched
        EXPECT_EQ(emulated<cuda::Float32>(scores, n_classes, targets, kind, shape), found);
      }
      EXPECT_EQ(emulated<cuda::Float16>(scores, n_classes, targets, kind), found);
      EXPECT_EQ(emulated<cuda::Bfloat16>(scores, n_classes, targets, kind), found);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(KernelScores, SharpAndFlatRows) {
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal(0, 30);
  std::vector<float> scores(50 * 257);
  for (float& score : scores) score = normal(random);
  const std::vector<std::int32_t> targets(50, 200);
  expect_close(emulated<cuda::Float32>(scores, 257, targets, OutputKind::kLogits),
               expected_columns(scores, 257, targets, OutputKind::kLogits));
}

TEST(KernelScores, TheTargetIsNeverAboveTop1) {
  std::mt19937_64 random(3);
  std::vector<float> scores(200 * 40);
  for (float& score : scores) score = 1.0F + static_cast<float>(random() % 3) * 1e-7F;
  const std::vector<std::int32_t> targets(200, 7);
  const auto columns = emulated<cuda::Float32>(scores, 40, targets, OutputKind::kLogits);
  for (std::size_t row = 0; row < 200; ++row) {
    const double* of_row = columns.data() + row * cuda::kDecisionColumns;
    EXPECT_GE(of_row[cuda::kTop1Confidence], of_row[cuda::kConfidence]);
  }
}

// Rows without a decision are marked, their neighbours stay as they were.
TEST(KernelScores, RowsWithoutADecisionAreMarked) {
  for (const OutputKind kind : kKinds) {
    std::vector<float> scores(5 * 40, -1.0F);
    std::vector<std::int32_t> targets = {0, 1, 2, 40, -1};
    scores[1 * 40 + 39] = std::numeric_limits<float>::quiet_NaN();
    scores[2 * 40] = kInf;
    const auto columns = emulated<cuda::Float32>(scores, 40, targets, kind);
    const std::vector<float> first(scores.begin(), scores.begin() + 40);
    const auto expected = expected_columns(first, 40, {0}, kind);
    expect_close({columns.begin(), columns.begin() + cuda::kDecisionColumns}, expected);
    for (std::size_t row = 1; row < 5; ++row) {
      for (std::size_t column = 0; column < cuda::kDecisionColumns; ++column) {
        const double value = columns[row * cuda::kDecisionColumns + column];
        if (column == cuda::kUsable) {
          EXPECT_EQ(value, 0.0);
        } else {
          EXPECT_TRUE(std::isnan(value));
        }
      }
    }
  }
  const auto no_log = emulated<cuda::Float32>({-kInf, 0}, 2, {1}, OutputKind::kLogits);
  EXPECT_EQ(no_log[cuda::kUsable], 0.0);
}

}  // namespace
}  // namespace suffice
