// The body of the kernel that judges scores (see core/kernel.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "core/half.h"
#include "core/kernel.h"
#include "ops/scores/scores.h"
#include "ops/scores/scores_row.h"

namespace suffice::cuda {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

// A warp judges one row: lane l takes the classes l, l + 32, l + 64, ... in this order, then the
// lanes are merged in a fixed tree.
template <class Type>
struct DecideKernel {
  using Bits = typename Type::Bits;

  const Bits* scores;
  std::int64_t n_rows, n_classes;
  const std::int32_t* targets;
  OutputKind kind;
  double* columns;

  struct Part {
    RowOrder order;
    std::int64_t usable = 1;
  };

  //   x: rows in grid strides
  template <class Warp>
  SUFFICE_DEVICE void operator()(const GridPosition& at, const Warp& warp) const {
    for (std::int64_t row = at.x; row < n_rows; row += at.x_stride) {
      const Bits* z = scores + row * n_classes;
      double* to = columns + row * kDecisionColumns;
      const std::int64_t c = targets[row];
      if (c < 0 || c >= n_classes) {  // the whole warp takes this way, or none of it
        warp.once([&] { refuse(to); });
        continue;
      }
      const auto parts = warp.lanes([&](std::int64_t lane) { return part_of(z, c, lane); });
      const Part whole =
          warp.reduce(parts, [](const Part& a, const Part& b) { return merged(a, b); });
      if (whole.usable == 0) {
        warp.once([&] { refuse(to); });
        continue;
      }
      double sum = 0;
      if (kind == OutputKind::kLogits) {
        const double other = whole.order.other;
        const auto sums = warp.lanes([&](std::int64_t lane) { return sum_of(z, c, other, lane); });
        sum = warp.reduce(sums, [](double a, double b) { return a + b; });
      }
      warp.once([&] { write(value(z, c), c, whole.order, sum, to); });
    }
  }

  SUFFICE_DEVICE static double value(const Bits* z, std::int64_t k) {
    const std::uint32_t bits = Type::to_float(z[k]);
    float single = 0;
    memcpy(&single, &bits, sizeof single);
    return static_cast<double>(single);
  }

  SUFFICE_DEVICE Part part_of(const Bits* z, std::int64_t c, std::int64_t lane) const {
    Part part;
    part.order.index = n_classes;  // of no class: any other is lower
    for (std::int64_t k = lane; k < n_classes; k += kWarpSize) {
      const double own = value(z, k);
      if (!is_usable(own, kind)) part.usable = 0;
      Part next;
      next.order = {own, k == c ? part.order.other : own, k};
      next.usable = part.usable;
      part = merged(part, next);
    }
    return part;
  }

  SUFFICE_DEVICE static Part merged(const Part& a, const Part& b) {
    const bool is_a =
        a.order.top > b.order.top || (a.order.top == b.order.top && a.order.index < b.order.index);
    Part whole = is_a ? a : b;
    whole.order.other = a.order.other < b.order.other ? b.order.other : a.order.other;
    whole.usable = a.usable & b.usable;
    return whole;
  }

  SUFFICE_DEVICE double sum_of(const Bits* z, std::int64_t c, double other,
                               std::int64_t lane) const {
    double sum = 0;
    for (std::int64_t k = lane; k < n_classes; k += kWarpSize) {
      if (k != c) sum += std::exp(value(z, k) - other);
    }
    return sum;
  }

  SUFFICE_DEVICE void write(double own, std::int64_t c, const RowOrder& order, double sum,
                            double* to) const {
    Decision d;
    if (kind == OutputKind::kMultilabel) {
      d = from_own_logit(own, c);
    } else if (kind == OutputKind::kProbabilities) {
      d = from_log_probabilities(own, c, order);
    } else {
      d = from_logits(own, c, order, sum);
    }
    to[kTop1] = static_cast<double>(d.top1);
    to[kTop1Confidence] = d.top1_confidence;
    to[kConfidence] = d.confidence;
    to[kLead] = d.lead;
    to[kLogOdds] = d.log_odds;
    to[kWinsTie] = d.wins_tie ? 1.0 : 0.0;
    to[kScore] = own;
    to[kUsable] = 1.0;
  }

  SUFFICE_DEVICE static void refuse(double* to) {
    for (int column = 0; column < kDecisionColumns; ++column) {
      to[column] = kNoNumber;
    }
    to[kUsable] = 0.0;
  }

  LaunchShape shape() const { return {blocks_for(n_rows, kThreads / kWarpSize, kManyBlocks)}; }
};

}  // namespace suffice::cuda
