// Settings of the native ReX search (METHODS.md "rex"). Python validates them with words for the
// user; `check` repeats what memory safety and termination depend on.
#pragma once

#include <cstdint>

#include "ops/regions/split.h"

namespace suffice::rex {

// kArea: smallest kept sets first, queue_len of them. kIntersection: those that share active
// boxes, then kArea. kAll, kDc: everything (dc keeps rex-xai's name; it differs under compat).
enum class Queue { kArea, kIntersection, kAll, kDc };
enum class Statics { kCarry, kDrop };
enum class Survivors { kMerge, kLast };
enum class Responsibility { kRex, kContingency, kDeepCover };
enum class Merge { kMultiplicative, kAdditive };

struct Settings {
  std::int64_t iterations = 20;
  std::int64_t tree_depth = 10;
  std::int64_t min_box_size = 10;
  Distribution distribution = Distribution::kUniform;
  double alpha = 1.0;
  double beta = 1.0;
  std::int64_t adaptive_block = 5;
  Queue queue = Queue::kArea;
  std::int64_t queue_len = 1;      // < 0: no limit
  std::int64_t search_limit = -1;  // mutants of one iteration; < 0: no limit
  Statics statics = Statics::kCarry;
  Survivors survivors = Survivors::kMerge;
  Responsibility responsibility = Responsibility::kRex;
  bool weighted = false;
  bool concentrate = false;
  Merge merge = Merge::kMultiplicative;
  bool negative = false;
  bool compat = false;  // rex-xai 0.4.1 with its faults (a)-(e)
};

// Deepest box that may split: its children's paths still fit 64 bits (two bits a level).
constexpr std::int64_t kMaxTreeDepth = 30;

}  // namespace suffice::rex
