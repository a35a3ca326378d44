#include "search/rex/merge.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "ops/responsibility/responsibility.h"

namespace suffice::rex {

namespace {

// Exact sums of one class's credits.
class CreditSums {
 public:
  explicit CreditSums(ImageSize size) : size_(size), sums_(size.pixels()) {}

  void add(const Iteration& iteration, std::int32_t label, std::int64_t sign = 1) {
    for (const Credit& credit : iteration.credits()) {
      if (credit.label != label) continue;
      const Box& box = iteration.tree()[credit.node].box;
      boxes_.insert(boxes_.end(), {box.r0, box.r1, box.c0, box.c1});
      values_.push_back(sign * credit.units);
    }
  }

  // The sum at every pixel of what was added since the last call.
  const std::vector<std::int64_t>& take() {
    accumulate({boxes_.data(), boxes_.size()}, {values_.data(), values_.size()},
               {static_cast<std::size_t>(size_.height), static_cast<std::size_t>(size_.width)},
               {sums_.data(), sums_.size()});
    boxes_.clear();
    values_.clear();
    return sums_;
  }

 private:
  ImageSize size_;
  std::vector<std::int32_t> boxes_;
  std::vector<std::int64_t> values_;
  std::vector<std::int64_t> sums_;
};

double in_units(std::int64_t units) {
  return static_cast<double>(units) / static_cast<double>(kUnit);
}

std::vector<double> sum_of_logs(Iterations iterations, std::int32_t label, ImageSize size) {
  std::vector<double> map(size.pixels(), 0.0);
  CreditSums sums(size);
  for (const Iteration& iteration : iterations) {
    sums.add(iteration, label);
    const std::vector<std::int64_t>& units = sums.take();
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (units[i] != 0) map[i] += std::log1p(in_units(units[i]));
    }
  }
  return map;
}

// Ascending; the target itself is left out.
std::set<std::int32_t> other_labels(Iterations iterations, std::int32_t target) {
  std::set<std::int32_t> labels;
  for (const Iteration& iteration : iterations) {
    for (const Credit& credit : iteration.credits()) labels.insert(credit.label);
  }
  labels.erase(target);
  return labels;
}

void additive(Iterations iterations, std::int32_t target, bool negative, ImageSize size,
              Span<float> out) {
  CreditSums sums(size);
  for (const Iteration& iteration : iterations) sums.add(iteration, target);
  if (negative) {
    for (const std::int32_t label : other_labels(iterations, target)) {
      for (const Iteration& iteration : iterations) sums.add(iteration, label, -1);
    }
  }
  const std::vector<std::int64_t>& units = sums.take();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(in_units(units[i]));
}

}  // namespace

bool has_credit(Iterations iterations, std::int32_t label) {
  for (const Iteration& iteration : iterations) {
    for (const Credit& credit : iteration.credits()) {
      if (credit.label == label && credit.units != 0 &&
          iteration.tree()[credit.node].box.area() > 0) {
        return true;
      }
    }
  }
  return false;
}

std::vector<double> merged_map(Iterations iterations, std::int32_t label, Merge merge,
                               ImageSize size) {
  if (merge == Merge::kMultiplicative) return sum_of_logs(iterations, label, size);
  std::vector<double> map(size.pixels());
  CreditSums sums(size);
  for (const Iteration& iteration : iterations) sums.add(iteration, label);
  const std::vector<std::int64_t>& units = sums.take();
  for (std::size_t i = 0; i < map.size(); ++i) map[i] = in_units(units[i]);
  return map;
}

void responsibility(Iterations iterations, std::int32_t target, const Settings& settings,
                    ImageSize size, Span<float> out) {
  SUFFICE_EXPECT(out.size() == size.pixels(), "responsibility: out has the wrong size");
  if (settings.merge == Merge::kAdditive) {
    additive(iterations, target, settings.negative, size, out);
    return;
  }
  std::vector<double> map = sum_of_logs(iterations, target, size);
  if (settings.negative) {
    for (const std::int32_t label : other_labels(iterations, target)) {
      const std::vector<double> other = sum_of_logs(iterations, label, size);
      for (std::size_t i = 0; i < map.size(); ++i) map[i] -= other[i];
    }
  }
  for (std::size_t i = 0; i < map.size(); ++i) out[i] = static_cast<float>(map[i]);
}

}  // namespace suffice::rex
