#include "search/rex/credit.h"

#include <cmath>

namespace suffice::rex {

namespace {

constexpr Choice kNone = 0b0000;
constexpr Choice kAllFour = 0b1111;

// rex-xai in its own rounding steps: a float32 share, times the depth in float32.
float single_precision(double share, std::int32_t depth, bool concentrate) {
  const auto r = static_cast<float>(share);
  return concentrate ? r * static_cast<float>(depth) : r;
}

}  // namespace

void credit_rex(const SplitOutcomes& outcomes, NodeId first_child, std::int32_t depth,
                const Settings& settings, std::vector<Credit>& credits) {
  for (std::size_t m = 0; m < kMutants; ++m) {
    const int parts = size(kChoices[m]);
    Credit credit;
    credit.label = outcomes.top1[m];
    double share = 1.0 / parts;
    credit.units = kUnit / parts;
    if (settings.weighted) {
      share *= outcomes.confidence[m];
      credit.units = std::llround(static_cast<double>(credit.units) * outcomes.confidence[m]);
    }
    if (settings.concentrate) credit.units *= depth;
    credit.single = single_precision(share, depth, settings.concentrate);
    for (std::size_t i = 0; i < kChildren; ++i) {
      if (!has(kChoices[m], i)) continue;
      credit.node = first_child + static_cast<NodeId>(i);
      credits.push_back(credit);
    }
  }
}

std::array<int, kChildren> contingency_twelfths(Span<const std::uint8_t> passing) {
  std::array<bool, 16> passes{};
  for (std::size_t m = 0; m < kMutants; ++m) passes[kChoices[m]] = passing[m] != 0;
  passes[kAllFour] = true;
  passes[kNone] = passing.size() > kMutants && passing[kMutants] != 0;
  std::array<int, kChildren> scores{};
  for (Choice kept = 1; kept <= kAllFour; ++kept) {
    if (!passes[kept]) continue;
    const int score = 12 / (1 + static_cast<int>(kChildren) - size(kept));
    for (std::size_t p = 0; p < kChildren; ++p) {
      const auto without = static_cast<Choice>(kept & ~(1U << p));
      if (has(kept, p) && !passes[without] && score > scores[p]) scores[p] = score;
    }
  }
  return scores;
}

std::array<double, kChildren> deepcover_scores(const std::array<int, kChildren>& twelfths,
                                               double parent) {
  const int total = twelfths[0] + twelfths[1] + twelfths[2] + twelfths[3];
  std::array<double, kChildren> scores{};
  for (std::size_t p = 0; p < kChildren; ++p) {
    scores[p] = total == 0 ? parent / kChildren : parent * twelfths[p] / total;
  }
  return scores;
}

}  // namespace suffice::rex
