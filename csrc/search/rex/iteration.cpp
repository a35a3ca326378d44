#include "search/rex/iteration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace suffice::rex {

Iteration::Iteration(std::int32_t height, std::int32_t width, std::int32_t target,
                     const Settings& settings, PhiloxKey key, std::uint64_t number)
    : height_(height),
      width_(width),
      target_(target),
      settings_(settings),
      tree_(height, width, key, number),
      queue_{Job{{Part{}}}} {}

bool Iteration::over_limit(std::size_t extra) const {
  return settings_.search_limit >= 0 &&
         evaluations_ + static_cast<std::int64_t>(extra) > settings_.search_limit;
}

bool Iteration::wants_none(const Job& job) const {
  return settings_.responsibility != Responsibility::kRex && job.parts.size() > 1;
}

bool Iteration::open_level(const SplitRule& rule) {
  if (over_) return false;
  level_.clear();
  scores_.clear();
  n_mutants_ = 0;
  for (std::size_t j = 0; j < queue_.size(); ++j) expand(queue_[j], j, rule);
  if (level_.empty()) {
    over_ = true;
    queue_.clear();
  }
  return !over_;
}

void Iteration::expand(const Job& job, std::size_t job_index, const SplitRule& rule) {
  std::size_t part = 0;
  for (; part < job.parts.size(); ++part) {
    // rex-xai looks at the limit between levels only.
    if (!settings_.compat && over_limit(n_mutants_)) return;
    const NodeId node = job.parts[part].node;
    const auto children = tree_.split(node, settings_, rule);
    if (!children) {
      if (settings_.compat) break;  // fault (c): the rest of the job is not looked at
      continue;
    }
    level_.push_back({job_index, part, node, *children, wants_none(job)});
    n_mutants_ += level_.back().n_mutants();
  }
  last_box_reached_ = part + 1 >= job.parts.size();
}

void Iteration::add_box(Word* mask, const Box& box) const {
  for (std::int32_t r = box.r0; r < box.r1; ++r) {
    const auto row = static_cast<std::size_t>(r) * static_cast<std::size_t>(width_);
    set_bit_range(mask, row + static_cast<std::size_t>(box.c0),
                  row + static_cast<std::size_t>(box.c1));
  }
}

void Iteration::add_statics(Word* mask, const Expansion& expansion) const {
  const Job& job = queue_[expansion.job];
  for (std::size_t part = 0; part < job.parts.size(); ++part) {
    if (part != expansion.part) add_box(mask, tree_[job.parts[part].node].box);
  }
}

void Iteration::add_children(Word* mask, const Expansion& expansion, Choice choice) const {
  for (std::size_t i = 0; i < kChildren; ++i) {
    if (has(choice, i)) add_box(mask, tree_[expansion.first_child + static_cast<NodeId>(i)].box);
  }
}

void Iteration::write_masks(Span<Word> out) const {
  const auto n_pixels = static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_);
  const std::size_t n_words = words_for(n_pixels);
  SUFFICE_EXPECT(out.size() == n_mutants_ * n_words, "write_masks: out has the wrong size");
  Word* mask = out.data();
  for (const Expansion& expansion : level_) {
    Word* statics = mask;
    add_statics(statics, expansion);
    for (std::size_t m = 1; m < expansion.n_mutants(); ++m) {
      std::copy(statics, statics + n_words, mask + m * n_words);
    }
    for (std::size_t m = 0; m < kMutants; ++m) {
      add_children(mask + m * n_words, expansion, kChoices[m]);
    }
    mask += expansion.n_mutants() * n_words;
  }
}

void Iteration::credit(const Expansion& expansion, const SplitOutcomes& outcomes) {
  const std::int32_t depth = tree_[expansion.first_child].depth;
  std::array<double, kChildren> scores{1.0, 1.0, 1.0, 1.0};
  const bool any = std::any_of(outcomes.passing.begin(), outcomes.passing.begin() + kMutants,
                               [](std::uint8_t p) { return p != 0; });
  if (settings_.responsibility == Responsibility::kRex) {
    if (any) credit_rex(outcomes, expansion.first_child, depth, settings_, credits_);
    return;
  }
  const auto twelfths = contingency_twelfths(outcomes.passing);
  const double parent = queue_[expansion.job].parts[expansion.part].score;
  if (settings_.responsibility == Responsibility::kDeepCover) {
    scores = deepcover_scores(twelfths, parent);
    scores_.push_back(scores);
  }
  for (std::size_t i = 0; i < kChildren; ++i) {
    Credit credit;
    credit.label = target_;
    credit.node = expansion.first_child + static_cast<NodeId>(i);
    credit.units = settings_.responsibility == Responsibility::kContingency
                       ? kUnit / 12 * twelfths[i]
                       : std::llround(scores[i] * static_cast<double>(kUnit));
    if (settings_.concentrate) credit.units *= depth;
    if (credit.units != 0) credits_.push_back(credit);
  }
}

std::vector<Survivor> Iteration::survivors_of(std::size_t index,
                                              const SplitOutcomes& outcomes) const {
  const Expansion& expansion = level_[index];
  const Job& job = queue_[expansion.job];
  std::int64_t static_area = 0;
  std::int32_t depth = tree_[expansion.first_child].depth;
  for (std::size_t part = 0; part < job.parts.size(); ++part) {
    if (part == expansion.part) continue;
    const Node& node = tree_[job.parts[part].node];
    static_area += node.box.area();
    depth = std::max(depth, node.depth);
  }
  std::vector<Survivor> survivors;
  for (std::size_t m = 0; m < kMutants; ++m) {
    if (outcomes.passing[m] == 0) continue;
    Survivor survivor{index, kChoices[m], expansion.first_child, static_area, depth};
    for (const NodeId child : survivor.active()) survivor.area += tree_[child].box.area();
    survivors.push_back(survivor);
  }
  return survivors;
}

Job Iteration::job_of(const Survivor& survivor) const {
  const Expansion& expansion = level_[survivor.expansion];
  Job job;
  for (const NodeId child : survivor.active()) {
    if (!settings_.compat && tree_[child].box.area() == 0) continue;
    const bool scored = settings_.responsibility == Responsibility::kDeepCover;
    job.parts.push_back(
        {child, scored ? scores_[survivor.expansion][child - expansion.first_child] : 1.0});
  }
  if (settings_.statics == Statics::kDrop) return job;
  const Job& parent = queue_[expansion.job];
  for (std::size_t part = 0; part < parent.parts.size(); ++part) {
    if (part != expansion.part) job.parts.push_back(parent.parts[part]);
  }
  return job;
}

// Jobs that keep the same pixels are one job, however these pixels are cut into boxes; a job
// without pixels has nothing to split.
void Iteration::drop_repeats(std::vector<Survivor>& survivors) const {
  const auto n_pixels = static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_);
  std::vector<Word> mask(words_for(n_pixels));
  std::set<std::array<std::uint64_t, 2>> seen;
  const auto known = [&](const Survivor& survivor) {
    const Job job = job_of(survivor);
    if (job.parts.empty()) return true;
    std::fill(mask.begin(), mask.end(), Word{0});
    for (const Part& part : job.parts) add_box(mask.data(), tree_[part.node].box);
    std::array<std::uint64_t, 2> digest{};
    hash_masks({mask.data(), mask.size()}, mask.size(), {digest.data(), digest.size()});
    return !seen.insert(digest).second;
  };
  std::vector<Survivor> distinct;
  for (const Survivor& survivor : survivors) {
    if (!known(survivor)) distinct.push_back(survivor);
  }
  survivors = std::move(distinct);
}

void Iteration::close_level(const SplitOutcomes& outcomes) {
  SUFFICE_EXPECT(outcomes.passing.size() == n_mutants_, "close_level: outcomes are missing");
  std::vector<Survivor> survivors;
  std::size_t at = 0;
  for (std::size_t e = 0; e < level_.size(); ++e) {
    const std::size_t n = level_[e].n_mutants();
    const SplitOutcomes own{outcomes.top1.sub(at, n), outcomes.confidence.sub(at, n),
                            outcomes.passing.sub(at, n)};
    at += n;
    credit(level_[e], own);
    std::vector<Survivor> fresh = survivors_of(e, own);
    passing_ += static_cast<std::int64_t>(fresh.size());
    if (settings_.compat) {  // rex-xai prunes, and measures its depth, per split
      fresh = prune(std::move(fresh), settings_);
      for (const Survivor& s : fresh) {
        depth_reached_ = std::max(depth_reached_, std::int64_t{s.depth});
      }
    }
    if (settings_.survivors == Survivors::kLast) survivors.clear();  // fault (a)
    survivors.insert(survivors.end(), fresh.begin(), fresh.end());
  }
  evaluations_ += static_cast<std::int64_t>(n_mutants_);
  finish_level(std::move(survivors));
}

void Iteration::finish_level(std::vector<Survivor> survivors) {
  if (!settings_.compat) {
    drop_repeats(survivors);
    survivors = prune(std::move(survivors), settings_);
    for (const Survivor& s : survivors) {
      depth_reached_ = std::max(depth_reached_, std::int64_t{s.depth});
    }
  }
  ++levels_;
  const bool too_deep = depth_reached_ > settings_.tree_depth;
  if ((too_deep && (last_box_reached_ || !settings_.compat)) || over_limit(0)) over_ = true;
  std::vector<Job> next;
  for (const Survivor& survivor : survivors) next.push_back(job_of(survivor));
  if (next.empty()) over_ = true;
  queue_ = over_ ? std::vector<Job>{} : std::move(next);
}

std::vector<std::string> Iteration::queue_names() const {
  std::vector<std::string> names;
  for (const Job& job : queue_) {
    std::string name;
    for (const Part& part : job.parts) {
      if (!name.empty()) name += '_';
      name += tree_.name(part.node);
    }
    names.push_back(std::move(name));
  }
  return names;
}

void Iteration::set_queue_order(const std::vector<std::string>& names) {
  const std::vector<std::string> current = queue_names();
  SUFFICE_EXPECT(std::is_permutation(names.begin(), names.end(), current.begin(), current.end()),
                 "set_queue_order takes the jobs of the current queue, each once");
  std::vector<Job> ordered;
  for (const std::string& name : names) {
    const auto at = std::find(current.begin(), current.end(), name) - current.begin();
    ordered.push_back(queue_[static_cast<std::size_t>(at)]);
  }
  queue_ = std::move(ordered);
}

}  // namespace suffice::rex
