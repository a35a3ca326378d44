#include "search/rex/merge.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace suffice::rex {

namespace {

// Adds rectangles in constant time each: corners are noted in a table one row and column larger
// than the image, and two running sums turn the table into the map.
class BoxSums {
 public:
  explicit BoxSums(ImageSize size)
      : size_(size),
        stride_(static_cast<std::size_t>(size.width) + 1),
        corners_((static_cast<std::size_t>(size.height) + 1) * stride_) {}

  void clear() { std::fill(corners_.begin(), corners_.end(), 0); }

  void add(const Box& box, std::int64_t units) {
    if (box.area() == 0) return;
    at(box.r0, box.c0) += units;
    at(box.r0, box.c1) -= units;
    at(box.r1, box.c0) -= units;
    at(box.r1, box.c1) += units;
  }

  // Calls visit(pixel, sum) for every pixel, row-major.
  template <class Visit>
  void read(Visit visit) const {
    std::vector<std::int64_t> column(static_cast<std::size_t>(size_.width), 0);
    std::size_t pixel = 0;
    for (std::size_t r = 0; r < static_cast<std::size_t>(size_.height); ++r) {
      std::int64_t row = 0;
      for (std::size_t c = 0; c < column.size(); ++c) {
        row += corners_[r * stride_ + c];
        column[c] += row;
        visit(pixel++, column[c]);
      }
    }
  }

 private:
  std::int64_t& at(std::int32_t r, std::int32_t c) {
    return corners_[static_cast<std::size_t>(r) * stride_ + static_cast<std::size_t>(c)];
  }

  ImageSize size_;
  std::size_t stride_;
  std::vector<std::int64_t> corners_;
};

void add_credits(const Iteration& iteration, std::int32_t label, std::int64_t sign,
                 BoxSums& sums) {
  for (const Credit& credit : iteration.credits()) {
    if (credit.label == label) sums.add(iteration.tree()[credit.node].box, sign * credit.units);
  }
}

double in_units(std::int64_t units) {
  return static_cast<double>(units) / static_cast<double>(kUnit);
}

std::vector<double> sum_of_logs(Iterations iterations, std::int32_t label, ImageSize size) {
  std::vector<double> map(size.pixels(), 0.0);
  BoxSums sums(size);
  for (const Iteration& iteration : iterations) {
    sums.clear();
    add_credits(iteration, label, 1, sums);
    sums.read([&](std::size_t pixel, std::int64_t units) {
      if (units != 0) map[pixel] += std::log1p(in_units(units));
    });
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
  BoxSums sums(size);
  for (const Iteration& iteration : iterations) add_credits(iteration, target, 1, sums);
  if (negative) {
    for (const std::int32_t label : other_labels(iterations, target)) {
      for (const Iteration& iteration : iterations) add_credits(iteration, label, -1, sums);
    }
  }
  sums.read([&](std::size_t pixel, std::int64_t units) {
    out[pixel] = static_cast<float>(in_units(units));
  });
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
  BoxSums sums(size);
  for (const Iteration& iteration : iterations) add_credits(iteration, label, 1, sums);
  sums.read([&](std::size_t pixel, std::int64_t units) { map[pixel] = in_units(units); });
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
