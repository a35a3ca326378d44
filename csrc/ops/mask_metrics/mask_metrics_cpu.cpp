#include <algorithm>
#include <vector>

#include "ops/mask_metrics/mask_metrics.h"

namespace suffice {

void dice(Span<const Word> masks, std::size_t n_words, Span<double> out) {
  SUFFICE_EXPECT(n_words > 0 && masks.size() % n_words == 0,
                 "dice: masks are no whole number of words each");
  const std::size_t n_masks = masks.size() / n_words;
  SUFFICE_EXPECT(out.size() == n_masks * n_masks, "dice: out is not masks x masks");
  std::vector<std::size_t> counts(n_masks);
  for (std::size_t m = 0; m < n_masks; ++m) {
    counts[m] = count_bits(masks.data() + m * n_words, n_words);
  }
  std::vector<Word> both(n_words);
  for (std::size_t a = 0; a < n_masks; ++a) {
    const Word* mask_a = masks.data() + a * n_words;
    for (std::size_t b = a; b < n_masks; ++b) {
      const Word* mask_b = masks.data() + b * n_words;
      std::transform(mask_a, mask_a + n_words, mask_b, both.begin(),
                     [](Word x, Word y) { return x & y; });
      const std::size_t sizes = counts[a] + counts[b];
      const auto common = static_cast<double>(2 * count_bits(both.data(), n_words));
      const double value = sizes == 0 ? 1.0 : common / static_cast<double>(sizes);
      out[a * n_masks + b] = value;
      out[b * n_masks + a] = value;
    }
  }
}

}  // namespace suffice
