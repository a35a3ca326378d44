#include "search/rex/queue.h"

#include <algorithm>
#include <utility>

namespace suffice::rex {

namespace {

using Nodes = std::vector<NodeId>;  // ascending

Nodes intersect(const Nodes& a, const Nodes& b) {
  Nodes both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

// Greedy: start from the first survivor and narrow by every later one that shares something, so
// that the largest possible group agrees on a common part.
Nodes common_part(const std::vector<Survivor>& survivors) {
  Nodes common = survivors.front().active();
  for (const Survivor& survivor : survivors) {
    Nodes narrower = intersect(common, survivor.active());
    if (!narrower.empty()) common = std::move(narrower);
  }
  return common;
}

// rex-xai: what survivor i shares with all behind it, for the first i that shares anything. The
// last one shares everything with nobody, so the result is never empty.
Nodes common_part_compat(const std::vector<Survivor>& survivors) {
  Nodes common;
  for (std::size_t i = 0; i < survivors.size() && common.empty(); ++i) {
    common = survivors[i].active();
    for (std::size_t j = i + 1; j < survivors.size(); ++j) {
      common = intersect(common, survivors[j].active());
    }
  }
  return common;
}

void keep_intersecting(std::vector<Survivor>& survivors, bool compat) {
  const Nodes common = compat ? common_part_compat(survivors) : common_part(survivors);
  const auto lacks = [&](const Survivor& survivor) {
    const Nodes active = survivor.active();
    return !std::includes(active.begin(), active.end(), common.begin(), common.end());
  };
  survivors.erase(std::remove_if(survivors.begin(), survivors.end(), lacks), survivors.end());
}

}  // namespace

std::vector<NodeId> Survivor::active() const {
  Nodes nodes;
  for (std::size_t i = 0; i < kChildren; ++i) {
    if (has(choice, i)) nodes.push_back(first_child + static_cast<NodeId>(i));
  }
  return nodes;
}

std::vector<Survivor> prune(std::vector<Survivor> survivors, const Settings& settings) {
  if (settings.queue == Queue::kAll || settings.queue == Queue::kDc) return survivors;
  if (settings.queue == Queue::kIntersection) {
    // A lone survivor passes unpruned in rex-xai, which comes to the same.
    if (survivors.size() < 2) return survivors;
    keep_intersecting(survivors, settings.compat);
  }
  std::stable_sort(survivors.begin(), survivors.end(),
                   [](const Survivor& a, const Survivor& b) { return a.area < b.area; });
  if (settings.queue_len >= 0 && survivors.size() > static_cast<std::size_t>(settings.queue_len)) {
    survivors.resize(static_cast<std::size_t>(settings.queue_len));
  }
  return survivors;
}

}  // namespace suffice::rex
