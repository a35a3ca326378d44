#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "core/thread_pool.h"
#include "ops/mask_metrics/mask_metrics.h"

namespace suffice {

namespace {

using Step = std::pair<std::ptrdiff_t, std::ptrdiff_t>;

// The first four share a side with the pixel, the others a corner.
constexpr std::array<Step, 8> kSteps = {
    {{-1, 0}, {0, -1}, {0, 1}, {1, 0}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}}};

// Gives pixel `first` and all that hang together with it a label.
void flood(const Word* mask, Shape shape, std::size_t n_steps, std::size_t first,
           std::int32_t label, std::int32_t* labels, std::vector<std::size_t>& pending) {
  const auto height = static_cast<std::ptrdiff_t>(shape.height);
  const auto width = static_cast<std::ptrdiff_t>(shape.width);
  labels[first] = label;
  pending.assign(1, first);
  while (!pending.empty()) {
    const auto pixel = static_cast<std::ptrdiff_t>(pending.back());
    pending.pop_back();
    const std::ptrdiff_t row = pixel / width;
    const std::ptrdiff_t column = pixel % width;
    for (std::size_t k = 0; k < n_steps; ++k) {
      const std::ptrdiff_t r = row + kSteps[k].first;
      const std::ptrdiff_t c = column + kSteps[k].second;
      if (r < 0 || r >= height || c < 0 || c >= width) continue;
      const auto next = static_cast<std::size_t>(r * width + c);
      if (labels[next] != 0 || !get_bit(mask, next)) continue;
      labels[next] = label;
      pending.push_back(next);
    }
  }
}

}  // namespace

void components(Span<const Word> masks, Shape shape, Neighbours neighbours, std::size_t threads,
                Span<std::int32_t> labels, Span<std::int32_t> counts) {
  const std::size_t n_pixels = shape.pixels();
  const std::size_t n_words = words_for(n_pixels);
  SUFFICE_EXPECT(n_pixels > 0 && masks.size() == counts.size() * n_words &&
                     labels.size() == counts.size() * n_pixels,
                 "components: masks, labels and counts sizes disagree");
  SUFFICE_EXPECT(n_pixels <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
                 "components: more pixels than int32 labels can count");
  const auto n_steps = static_cast<std::size_t>(neighbours);
  parallel_for(counts.size(), threads, [&](std::size_t begin, std::size_t end) {
    std::vector<std::size_t> pending;
    for (std::size_t m = begin; m < end; ++m) {
      const Word* mask = masks.data() + m * n_words;
      std::int32_t* to = labels.data() + m * n_pixels;
      std::fill_n(to, n_pixels, 0);
      std::int32_t found = 0;
      for (std::size_t i = 0; i < n_pixels; ++i) {
        if (to[i] == 0 && get_bit(mask, i)) {
          flood(mask, shape, n_steps, i, ++found, to, pending);
        }
      }
      counts[m] = found;
    }
  });
}

}  // namespace suffice
