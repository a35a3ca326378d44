// One iteration of the search: a tree, a queue of jobs, and levels that are asked as a whole.
//
//   while (iteration.open_level(rule)) {        // false once the iteration is over
//     iteration.write_masks(out);                // n_mutants() masks
//     iteration.close_level(outcomes);           // of all of them, in order
//   }
//
// Which mutants a level holds never depends on the outcomes of that level.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/packed_mask.h"
#include "core/span.h"
#include "search/rex/credit.h"
#include "search/rex/queue.h"
#include "search/rex/settings.h"
#include "search/rex/tree.h"

namespace suffice::rex {

class Iteration {
 public:
  Iteration(std::int32_t height, std::int32_t width, std::int32_t target, const Settings& settings,
            PhiloxKey key, std::uint64_t number);

  bool open_level(const SplitRule& rule);
  std::size_t n_mutants() const { return n_mutants_; }
  void write_masks(Span<Word> out) const;  // [n_mutants(), words], zeroed by the caller
  void close_level(const SplitOutcomes& outcomes);

  BoxTree& tree() { return tree_; }
  const BoxTree& tree() const { return tree_; }
  const std::vector<Credit>& credits() const { return credits_; }
  std::int64_t depth_reached() const { return depth_reached_; }
  std::int64_t evaluations() const { return evaluations_; }
  std::int64_t passing() const { return passing_; }
  std::int64_t levels() const { return levels_; }

  // The queue as rex-xai's names, one job a string: "R:0:3_R:1".
  std::vector<std::string> queue_names() const;
  // Makes the queue these jobs in this order; all must be in the queue already.
  void set_queue_order(const std::vector<std::string>& names);

 private:
  // One box of one job, split: 14 mutants, and one that keeps no child where that is asked.
  struct Expansion {
    std::size_t job;
    std::size_t part;
    NodeId node;
    NodeId first_child;
    bool with_none;
    std::size_t n_mutants() const { return kMutants + (with_none ? 1U : 0U); }
  };

  void expand(const Job& job, std::size_t job_index, const SplitRule& rule);
  bool wants_none(const Job& job) const;
  bool over_limit(std::size_t extra) const;
  void add_box(Word* mask, const Box& box) const;
  void add_statics(Word* mask, const Expansion& expansion) const;
  void add_children(Word* mask, const Expansion& expansion, Choice choice) const;
  void credit(const Expansion& expansion, const SplitOutcomes& outcomes);
  std::vector<Survivor> survivors_of(std::size_t expansion, const SplitOutcomes& outcomes) const;
  void drop_repeats(std::vector<Survivor>& survivors) const;
  void finish_level(std::vector<Survivor> survivors);
  Job job_of(const Survivor& survivor) const;

  std::int32_t height_;
  std::int32_t width_;
  std::int32_t target_;
  Settings settings_;
  BoxTree tree_;
  std::vector<Job> queue_;
  std::vector<Expansion> level_;
  std::vector<std::array<double, kChildren>> scores_;  // per expansion, deepcover only
  std::vector<Credit> credits_;
  std::size_t n_mutants_ = 0;
  bool over_ = false;
  bool last_box_reached_ = false;  // compat: the last job of the level was not cut short
  std::int64_t depth_reached_ = 0;
  std::int64_t evaluations_ = 0;
  std::int64_t passing_ = 0;
  std::int64_t levels_ = 0;
};

}  // namespace suffice::rex
