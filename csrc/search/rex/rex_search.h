// The ReX search of one subject: all iterations side by side, one level of all of them a round.
//
//   while (search.prepare_round() > 0) {
//     search.write_round(masks);                       // uint64 [M, words], zeroed
//     search.tell(top1, top1_confidence, passing);     // [M] each, in the round's order
//   }
//   search.responsibility(target, map);
//
// Round order: iterations ascending, then jobs in queue order, then boxes, then the 14 mutants.
// The adaptive distribution works in blocks of settings.adaptive_block iterations, each drawing
// its splits from the map of the blocks before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/packed_mask.h"
#include "core/span.h"
#include "search/rex/iteration.h"
#include "search/rex/merge.h"

namespace suffice::rex {

struct IterationStatistics {
  std::int64_t depth = 0;
  std::int64_t evaluations = 0;
  std::int64_t passing = 0;
  std::int64_t splits = 0;
  std::int64_t levels = 0;
};

class RexSearch {
 public:
  // Throws invalid_argument on settings that would not terminate or not fit 64-bit paths.
  RexSearch(std::int32_t height, std::int32_t width, std::int32_t target, const Settings& settings,
            std::uint64_t seed, std::uint64_t image_key);

  // Mutants of the current round; 0 when the search is over. Changes nothing when called again.
  std::size_t prepare_round();
  void write_round(Span<Word> masks) const;
  void tell(Span<const std::int32_t> top1, Span<const double> top1_confidence,
            Span<const std::uint8_t> passing);

  void responsibility(std::int32_t target, Span<float> out) const;
  bool has_credit(std::int32_t target) const;
  std::vector<IterationStatistics> statistics() const;

  // For parity tests. Must come before the iteration's first round.
  void inject_splits(std::size_t iteration, InjectedSplits splits);
  std::vector<std::string> queue_names(std::size_t iteration) const;
  void set_queue_order(std::size_t iteration, const std::vector<std::string>& names);

  std::size_t n_words() const { return words_for(size_.pixels()); }

 private:
  SplitRule split_rule() const;
  void start_next_block();
  Iterations iterations() const { return {iterations_.data(), iterations_.size()}; }

  ImageSize size_;
  std::int32_t target_;
  Settings settings_;
  std::vector<Iteration> iterations_;
  std::size_t block_begin_ = 0;
  std::size_t block_end_ = 0;
  std::vector<double> frozen_map_;  // adaptive: merged map before the current block
  std::vector<std::size_t> round_;  // iterations with a level open
  std::size_t round_size_ = 0;
};

}  // namespace suffice::rex
