// Responsibility: what the outcomes of one split credit to its four children.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/span.h"
#include "search/rex/combinations.h"
#include "search/rex/settings.h"
#include "search/rex/tree.h"

namespace suffice::rex {

// Fixed point: 1, 1/2, 1/3, 1/4 are whole numbers of units, so that sums are exact in any order.
constexpr std::int64_t kUnit = std::int64_t{6} << 32;

struct Credit {
  std::int32_t label = 0;  // whose map
  NodeId node = 0;         // whose pixels
  std::int64_t units = 0;  // in 1/kUnit
  float single = 0.0F;     // rex-xai's float32 increment, under compat
};

// Outcomes of the mutants of one split, in the order of kChoices; with statics a last one that
// keeps none of the children (contingency and deepcover).
struct SplitOutcomes {
  Span<const std::int32_t> top1;
  Span<const double> confidence;
  Span<const std::uint8_t> passing;
};

// kRex: each mutant credits 1/|active| to its active boxes in the map of its own class. Boxes
// without pixels are listed too, so that the order in which classes appear is rex-xai's.
void credit_rex(const SplitOutcomes& outcomes, NodeId first_child, std::int32_t depth,
                const Settings& settings, std::vector<Credit>& credits);

// kContingency and kDeepCover: for part P find the smallest set W of other parts such that the
// composite without W passes and the one without W and P fails; the score is 1/(1+|W|), or 0.
// Keeping all four counts as passing; keeping none is the last outcome, failing where absent.
// Returned in twelfths.
std::array<int, kChildren> contingency_twelfths(Span<const std::uint8_t> passing);

// kDeepCover: the scores brought to sum 1 (uniform when all are 0) times the parent's score.
std::array<double, kChildren> deepcover_scores(const std::array<int, kChildren>& twelfths,
                                               double parent);

}  // namespace suffice::rex
