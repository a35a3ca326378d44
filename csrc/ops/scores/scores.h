// From a model's scores to decisions about a target class c. All arithmetic is in double, one row
// after the other in class order: a row's bits don't depend on its neighbours.
//   scores            [N, K]  float32, z below
//   targets           [N]     int32, each in 0..K-1
//   top1              [N]     int32
//   top1_confidence   [N]     float64, probability of top1
//   confidence        [N]     float64, probability of the target
//   lead              [N]     float64, z_c - max of the others; 0 when both are -inf
//   log_odds          [N]     float64, log(p_c / (1 - p_c))
//   wins_tie          [N]     0 or 1: not tied at the top with a class of lower index
//
// kLogits         p = softmax(z); log_odds = z_c - logsumexp of the others. Needs K >= 2.
// kProbabilities  z = log p (-inf for p = 0), not normalised again: p_c = exp(z_c), log_odds =
//                 z_c - log(1 - p_c), +inf where p_c >= 1. Needs K >= 2.
// kMultilabel     p_c = sigmoid(z_c); lead = log_odds = z_c; top1 = c with p_c where z_c >= 0,
//                 otherwise -1 with 1 - p_c; wins_tie = 1. Other classes play no part.
// top1 of the first two is the lowest index of the maximum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/span.h"

namespace suffice {

enum class OutputKind { kLogits, kProbabilities, kMultilabel };

struct DecisionSpans {
  Span<std::int32_t> top1;
  Span<double> top1_confidence;
  Span<double> confidence;
  Span<double> lead;
  Span<double> log_odds;
  Span<std::uint8_t> wins_tie;
};

// Returns -1 when all outputs are written, or the first row that no decision can be made from: it
// holds NaN or +inf, or -inf where the scores are no log-probabilities. Outputs are then undefined
// from that row on. Throws invalid_argument on sizes that disagree, targets out of range, K < 2.
std::int64_t decide(Span<const float> scores, std::size_t n_classes,
                    Span<const std::int32_t> targets, OutputKind kind, const DecisionSpans& out);

}  // namespace suffice
