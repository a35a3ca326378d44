#include "search/rex/rex_search.h"

#include <algorithm>
#include <utility>

namespace suffice::rex {

namespace {

// A round this large means a queue without bounds; better a clear error than a dead machine.
constexpr std::size_t kMaxRoundBytes = std::size_t{1} << 32U;

void check(std::int32_t height, std::int32_t width, const Settings& s) {
  SUFFICE_EXPECT(height > 0 && width > 0, "RexSearch: the image has no pixels");
  SUFFICE_EXPECT(s.iterations >= 1, "RexSearch: iterations must be at least 1");
  SUFFICE_EXPECT(s.tree_depth >= 0 && s.tree_depth <= kMaxTreeDepth,
                 "RexSearch: tree_depth must be 0..30");
  SUFFICE_EXPECT(s.min_box_size >= 1, "RexSearch: min_box_size must be at least 1");
  SUFFICE_EXPECT(s.adaptive_block >= 1, "RexSearch: adaptive_block must be at least 1");
  SUFFICE_EXPECT(s.alpha > 0.0 && s.beta > 0.0, "RexSearch: alpha and beta must be positive");
}

Settings with_compat(Settings settings) {
  if (settings.compat) {
    settings.statics = Statics::kDrop;
    settings.survivors = Survivors::kLast;
  }
  return settings;
}

}  // namespace

RexSearch::RexSearch(std::int32_t height, std::int32_t width, std::int32_t target,
                     const Settings& settings, std::uint64_t seed, std::uint64_t image_key)
    : size_{height, width}, target_(target), settings_(with_compat(settings)) {
  check(height, width, settings);
  for (std::int64_t i = 0; i < settings.iterations; ++i) {
    iterations_.emplace_back(height, width, target, settings_, PhiloxKey{seed, image_key},
                             static_cast<std::uint64_t>(i));
  }
  start_next_block();
}

void RexSearch::start_next_block() {
  block_begin_ = block_end_;
  if (settings_.distribution != Distribution::kAdaptive) {
    block_end_ = iterations_.size();
    return;
  }
  block_end_ = std::min(iterations_.size(),
                        block_begin_ + static_cast<std::size_t>(settings_.adaptive_block));
  if (block_begin_ > 0 && block_begin_ < block_end_) {
    frozen_map_ = merged_map(iterations().sub(0, block_begin_), target_, settings_.merge, size_);
  }
}

SplitRule RexSearch::split_rule() const {
  SplitRule rule;
  rule.distribution = settings_.distribution;
  rule.alpha = settings_.alpha;
  rule.beta = settings_.beta;
  rule.weights = {frozen_map_.data(), frozen_map_.size()};
  rule.image_width = size_.width;
  rule.log_weights = settings_.merge == Merge::kMultiplicative;
  return rule;
}

std::size_t RexSearch::prepare_round() {
  while (round_.empty() && block_begin_ < iterations_.size()) {
    const SplitRule rule = split_rule();
    for (std::size_t i = block_begin_; i < block_end_; ++i) {
      if (!iterations_[i].open_level(rule)) continue;
      round_.push_back(i);
      round_size_ += iterations_[i].n_mutants();
    }
    if (round_.empty()) start_next_block();
  }
  SUFFICE_EXPECT(round_size_ <= kMaxRoundBytes / (n_words() * sizeof(Word)),
                 "a round of " + std::to_string(round_size_) +
                     " mutants is too large; set search_limit or a smaller queue_len");
  return round_size_;
}

void RexSearch::write_round(Span<Word> masks) const {
  SUFFICE_EXPECT(masks.size() == round_size_ * n_words(), "write_round: masks has the wrong size");
  std::size_t at = 0;
  for (const std::size_t i : round_) {
    const std::size_t n = iterations_[i].n_mutants() * n_words();
    iterations_[i].write_masks(masks.sub(at, n));
    at += n;
  }
}

void RexSearch::tell(Span<const std::int32_t> top1, Span<const double> top1_confidence,
                     Span<const std::uint8_t> passing) {
  SUFFICE_EXPECT(top1.size() == round_size_ && top1_confidence.size() == round_size_ &&
                     passing.size() == round_size_,
                 "tell takes the outcomes of exactly the round that was asked");
  std::size_t at = 0;
  for (const std::size_t i : round_) {
    const std::size_t n = iterations_[i].n_mutants();
    iterations_[i].close_level({top1.sub(at, n), top1_confidence.sub(at, n), passing.sub(at, n)});
    at += n;
  }
  round_.clear();
  round_size_ = 0;
}

void RexSearch::responsibility(std::int32_t target, Span<float> out) const {
  if (settings_.compat) {
    responsibility_compat(iterations(), target, settings_, size_, out);
  } else {
    rex::responsibility(iterations(), target, settings_, size_, out);
  }
}

bool RexSearch::has_credit(std::int32_t target) const {
  return rex::has_credit(iterations(), target);
}

std::vector<IterationStatistics> RexSearch::statistics() const {
  std::vector<IterationStatistics> all;
  for (const Iteration& iteration : iterations_) {
    all.push_back({iteration.depth_reached(), iteration.evaluations(), iteration.passing(),
                   iteration.tree().splits(), iteration.levels()});
  }
  return all;
}

void RexSearch::inject_splits(std::size_t iteration, InjectedSplits splits) {
  SUFFICE_EXPECT(iteration < iterations_.size(), "inject_splits: no such iteration");
  SUFFICE_EXPECT(iterations_[iteration].levels() == 0 && round_.empty(),
                 "inject_splits comes before the first round");
  iterations_[iteration].tree().inject(std::move(splits));
}

std::vector<std::string> RexSearch::queue_names(std::size_t iteration) const {
  SUFFICE_EXPECT(iteration < iterations_.size(), "queue_names: no such iteration");
  return iterations_[iteration].queue_names();
}

void RexSearch::set_queue_order(std::size_t iteration, const std::vector<std::string>& names) {
  SUFFICE_EXPECT(iteration < iterations_.size(), "set_queue_order: no such iteration");
  SUFFICE_EXPECT(round_.empty(), "set_queue_order comes between rounds");
  iterations_[iteration].set_queue_order(names);
}

}  // namespace suffice::rex
