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

#include "core/cuda_stream.h"
#include "core/element.h"
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

namespace cuda {

// Columns of a decision on the device: everything in float64, so that one copy brings it all.
enum DecisionColumn {
  kTop1,
  kTop1Confidence,
  kConfidence,
  kLead,
  kLogOdds,
  kWinsTie,  // 0 or 1
  kScore,    // z_c
  kUsable,   // 0 where no decision can be made (see `decide` above, or the target is no class): the
             // other columns of the row are then NaN
  kDecisionColumns
};

// scores [N, K] of `element` (read as float32), targets [N] -> columns [N, kDecisionColumns], every
// element is written. Device pointers, asynchronous on `stream`. One warp a row, in an order that
// depends on K only: no batch, neighbour or launch changes a bit. top1, wins_tie, lead and score
// have the CPU's bits. Confidences and log-odds may differ from the CPU's in their last bits (some
// 1e-15 of their size): the sum over classes is taken in another order, and the device has its own
// exp and log. Throws CudaError when the launch fails, invalid_argument on K < 2 (see above).
void decide(const void* scores, Element element, std::int64_t n_rows, std::int64_t n_classes,
            const std::int32_t* targets, OutputKind kind, double* columns, Stream stream);

}  // namespace cuda
}  // namespace suffice
