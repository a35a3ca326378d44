// rex-xai 0.4.1's float32 arithmetic. Every operation here rounds to float32 exactly where NumPy
// does there, so no step may be reordered or fused.
#include <algorithm>
#include <utility>
#include <vector>

#include "search/rex/merge.h"

namespace suffice::rex {

namespace {

struct ClassMap {
  std::int32_t label;
  std::vector<float> values;
};

ClassMap& map_of(std::vector<ClassMap>& maps, std::int32_t label, float start,
                 std::size_t n_pixels) {
  const auto found =
      std::find_if(maps.begin(), maps.end(), [&](const ClassMap& m) { return m.label == label; });
  if (found != maps.end()) return *found;
  maps.push_back({label, std::vector<float>(n_pixels, start)});
  return maps.back();
}

void add(std::vector<float>& values, const Box& box, std::int32_t width, float increment) {
  for (std::int64_t r = box.r0; r < box.r1; ++r) {
    float* row = values.data() + r * width;
    for (std::int32_t c = box.c0; c < box.c1; ++c) row[c] += increment;
  }
}

// The maps of one iteration, classes in order of appearance.
std::vector<ClassMap> local_maps(const Iteration& iteration, float start, ImageSize size) {
  std::vector<ClassMap> maps;
  for (const Credit& credit : iteration.credits()) {
    ClassMap& map = map_of(maps, credit.label, start, size.pixels());
    add(map.values, iteration.tree()[credit.node].box, size.width, credit.single);
  }
  return maps;
}

void merge_into(std::vector<float>& merged, const std::vector<float>& local, Merge merge) {
  if (merge == Merge::kAdditive) {
    for (std::size_t i = 0; i < merged.size(); ++i) merged[i] += local[i];
    return;
  }
  for (std::size_t i = 0; i < merged.size(); ++i) merged[i] *= local[i];
  const float top = *std::max_element(merged.begin(), merged.end());
  for (float& value : merged) value /= top;
}

}  // namespace

void responsibility_compat(Iterations iterations, std::int32_t target, const Settings& settings,
                           ImageSize size, Span<float> out) {
  SUFFICE_EXPECT(out.size() == size.pixels(), "responsibility_compat: out has the wrong size");
  const float start = settings.merge == Merge::kAdditive ? 0.0F : 1.0F;
  std::vector<ClassMap> merged;
  for (const Iteration& iteration : iterations) {
    for (const ClassMap& local : local_maps(iteration, start, size)) {
      merge_into(map_of(merged, local.label, start, size.pixels()).values, local.values,
                 settings.merge);
    }
  }
  const ClassMap& own = map_of(merged, target, start, size.pixels());
  std::copy(own.values.begin(), own.values.end(), out.begin());
  if (!settings.negative) return;
  for (const ClassMap& other : merged) {
    if (other.label == target) continue;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] -= other.values[i];
  }
}

}  // namespace suffice::rex
