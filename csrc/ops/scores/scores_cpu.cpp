#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "ops/scores/scores.h"

namespace suffice {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Decision {
  std::int32_t top1 = 0;
  double top1_confidence = 0;
  double confidence = 0;
  double lead = 0;
  double log_odds = 0;
  bool wins_tie = true;
};

bool is_usable(const float* z, std::size_t n_classes, OutputKind kind) {
  return std::all_of(z, z + n_classes, [kind](float value) {
    if (kind == OutputKind::kProbabilities && std::isinf(value)) return value < 0;
    return std::isfinite(value);
  });
}

double max_of_others(const float* z, std::size_t n_classes, std::size_t c) {
  double best = -kInfinity;
  for (std::size_t k = 0; k < n_classes; ++k) {
    if (k != c) best = std::max(best, static_cast<double>(z[k]));
  }
  return best;
}

// What logits and log-probabilities share: the order of the classes.
Decision compare(const float* z, std::size_t n_classes, std::size_t c) {
  Decision d;
  const auto top = static_cast<std::size_t>(std::max_element(z, z + n_classes) - z);
  const double other = max_of_others(z, n_classes, c);
  const auto own = static_cast<double>(z[c]);
  d.top1 = static_cast<std::int32_t>(top);
  d.lead = own == other ? 0.0 : own - other;  // the difference of two -inf would be NaN
  d.wins_tie = top == c || z[c] < z[top];
  return d;
}

double sigmoid(double z) {
  if (z >= 0) return 1.0 / (1.0 + std::exp(-z));
  const double e = std::exp(z);
  return e / (1.0 + e);
}

Decision from_logits(const float* z, std::size_t n_classes, std::size_t c) {
  Decision d = compare(z, n_classes, c);
  const auto own = static_cast<double>(z[c]);
  const double other = max_of_others(z, n_classes, c);
  double sum = 0;  // of exp(z - other) without the target: keeps its digits where p_c is near 1
  for (std::size_t k = 0; k < n_classes; ++k) {
    if (k != c) sum += std::exp(static_cast<double>(z[k]) - other);
  }
  d.log_odds = own - (other + std::log(sum));
  if (static_cast<std::size_t>(d.top1) == c) {
    d.confidence = d.top1_confidence = sigmoid(d.log_odds);
  } else {  // both as parts of one sum, so that no rounding puts the target above top1
    const double weight = std::exp(own - other);
    d.confidence = weight / (sum + weight);
    d.top1_confidence = 1.0 / (sum + weight);
  }
  return d;
}

// log(1 - exp(z)) for z < 0, by whichever form keeps its digits.
double log_complement(double z) {
  constexpr double kLog2 = 0.6931471805599453;
  return z > -kLog2 ? std::log(-std::expm1(z)) : std::log1p(-std::exp(z));
}

Decision from_log_probabilities(const float* z, std::size_t n_classes, std::size_t c) {
  Decision d = compare(z, n_classes, c);
  const auto own = static_cast<double>(z[c]);
  d.top1_confidence = std::exp(static_cast<double>(z[d.top1]));
  d.confidence = std::exp(own);
  d.log_odds = own >= 0 ? kInfinity : own - log_complement(own);
  return d;
}

Decision from_own_logit(const float* z, std::size_t c) {
  Decision d;
  const auto own = static_cast<double>(z[c]);
  d.top1 = own >= 0 ? static_cast<std::int32_t>(c) : -1;
  d.confidence = sigmoid(own);
  d.top1_confidence = own >= 0 ? d.confidence : 1.0 - d.confidence;
  d.lead = own;
  d.log_odds = own;
  return d;
}

Decision decide_row(const float* z, std::size_t n_classes, std::size_t c, OutputKind kind) {
  switch (kind) {
    case OutputKind::kLogits:
      return from_logits(z, n_classes, c);
    case OutputKind::kProbabilities:
      return from_log_probabilities(z, n_classes, c);
    case OutputKind::kMultilabel:
      break;
  }
  return from_own_logit(z, c);
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
