// From what one row of scores comes down to, to the decision about its target: the arithmetic that
// the CPU and the device share (see scores.h for the definitions).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/kernel.h"
#include "ops/scores/scores.h"

namespace suffice {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Decision {
  std::int32_t top1 = 0;
  double top1_confidence = 0;
  double confidence = 0;
  double lead = 0;
  double log_odds = 0;
  bool wins_tie = true;
};

// The order of the classes of a row, seen from the target.
struct RowOrder {
  double top = -kInfinity;    // the maximum
  double other = -kInfinity;  // the maximum without the target
  std::int64_t index = 0;     // the lowest of the maximum
};

SUFFICE_DEVICE inline bool is_usable(double z, OutputKind kind) {
  if (kind == OutputKind::kProbabilities && std::isinf(z)) return z < 0;
  return std::isfinite(z);
}

SUFFICE_DEVICE inline double sigmoid(double z) {
  if (z >= 0) return 1.0 / (1.0 + std::exp(-z));
  const double e = std::exp(z);
  return e / (1.0 + e);
}

// log(1 - exp(z)) for z < 0, by whichever form keeps its digits.
SUFFICE_DEVICE inline double log_complement(double z) {
  constexpr double kLog2 = 0.6931471805599453;
  return z > -kLog2 ? std::log(-std::expm1(z)) : std::log1p(-std::exp(z));
}

// What logits and log-probabilities share: the order of the classes.
SUFFICE_DEVICE inline Decision compare(double own, std::int64_t c, const RowOrder& order) {
  Decision d;
  d.top1 = static_cast<std::int32_t>(order.index);
  d.lead = own == order.other ? 0.0 : own - order.other;  // the difference of two -inf is NaN
  d.wins_tie = order.index == c || own < order.top;
  return d;
}

// sum: of exp(z - other) over the others; keeps its digits where p_c is near 1.
SUFFICE_DEVICE inline Decision from_logits(double own, std::int64_t c, const RowOrder& order,
                                           double sum) {
  Decision d = compare(own, c, order);
  d.log_odds = own - (order.other + std::log(sum));
  if (order.index == c) {
    d.confidence = d.top1_confidence = sigmoid(d.log_odds);
  } else {  // both as parts of one sum, so that no rounding puts the target above top1
    const double weight = std::exp(own - order.other);
    d.confidence = weight / (sum + weight);
    d.top1_confidence = 1.0 / (sum + weight);
  }
  return d;
}

SUFFICE_DEVICE inline Decision from_log_probabilities(double own, std::int64_t c,
                                                      const RowOrder& order) {
  Decision d = compare(own, c, order);
  d.top1_confidence = std::exp(order.top);
  d.confidence = std::exp(own);
  d.log_odds = own >= 0 ? kInfinity : own - log_complement(own);
  return d;
}

SUFFICE_DEVICE inline Decision from_own_logit(double own, std::int64_t c) {
  Decision d;
  d.top1 = own >= 0 ? static_cast<std::int32_t>(c) : -1;
  d.confidence = sigmoid(own);
  d.top1_confidence = own >= 0 ? d.confidence : 1.0 - d.confidence;
  d.lead = own;
  d.log_odds = own;
  return d;
}

}  // namespace suffice
