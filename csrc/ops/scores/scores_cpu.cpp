#include <algorithm>
#include <cmath>
#include <string>

#include "ops/scores/scores.h"
#include "ops/scores/scores_row.h"

namespace suffice {

namespace {

bool is_usable(const float* z, std::size_t n_classes, OutputKind kind) {
  return std::all_of(z, z + n_classes, [kind](float value) { return is_usable(value, kind); });
}

RowOrder order_of(const float* z, std::size_t n_classes, std::size_t c) {
  RowOrder order;
  const float* top = std::max_element(z, z + n_classes);
  order.top = static_cast<double>(*top);
  order.index = top - z;
  for (std::size_t k = 0; k < n_classes; ++k) {
    if (k != c) order.other = std::max(order.other, static_cast<double>(z[k]));
  }
  return order;
}

Decision decide_row(const float* z, std::size_t n_classes, std::size_t c, OutputKind kind) {
  const auto own = static_cast<double>(z[c]);
  const auto target = static_cast<std::int64_t>(c);
  if (kind == OutputKind::kMultilabel) return from_own_logit(own, target);
  const RowOrder order = order_of(z, n_classes, c);
  if (kind == OutputKind::kProbabilities) return from_log_probabilities(own, target, order);
  double sum = 0;
  for (std::size_t k = 0; k < n_classes; ++k) {
    if (k != c) sum += std::exp(static_cast<double>(z[k]) - order.other);
  }
  return from_logits(own, target, order, sum);
}

}  // namespace

std::int64_t decide(Span<const float> scores, std::size_t n_classes,
                    Span<const std::int32_t> targets, OutputKind kind, const DecisionSpans& out) {
  const std::size_t n = targets.size();
  SUFFICE_EXPECT(kind == OutputKind::kMultilabel || n_classes >= 2,
                 "decide: one class alone is no choice; expected at least 2, got " +
                     std::to_string(n_classes) + " (give [N, 1] scores as logits [0, z])");
  SUFFICE_EXPECT(n_classes > 0 && scores.size() == n * n_classes,
                 "decide: scores and targets sizes disagree");
  SUFFICE_EXPECT(out.top1.size() == n && out.top1_confidence.size() == n &&
                     out.confidence.size() == n && out.lead.size() == n &&
                     out.log_odds.size() == n && out.wins_tie.size() == n,
                 "decide: outputs have another size than targets");
  for (std::size_t i = 0; i < n; ++i) {
    SUFFICE_EXPECT(targets[i] >= 0 && static_cast<std::size_t>(targets[i]) < n_classes,
                   "decide: target " + std::to_string(targets[i]) + " of row " + std::to_string(i) +
                       " is outside 0.." + std::to_string(n_classes - 1));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const float* z = scores.data() + i * n_classes;
    if (!is_usable(z, n_classes, kind)) return static_cast<std::int64_t>(i);
    const Decision d = decide_row(z, n_classes, static_cast<std::size_t>(targets[i]), kind);
    out.top1[i] = d.top1;
    out.top1_confidence[i] = d.top1_confidence;
    out.confidence[i] = d.confidence;
    out.lead[i] = d.lead;
    out.log_odds[i] = d.log_odds;
    out.wins_tie[i] = d.wins_tie ? 1 : 0;
  }
  return -1;
}

}  // namespace suffice
