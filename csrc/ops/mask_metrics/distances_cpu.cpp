#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "ops/mask_metrics/mask_metrics.h"

namespace suffice {

namespace {

// Above any distance along a column: a side is below 2^16, for H^2 + W^2 fits 31 bits.
constexpr std::int32_t kFar = 1 << 16;

void expect_fit(Span<const Word> masks, Shape shape) {
  constexpr std::size_t kLongest = 46340;  // floor(sqrt(2^31 - 1)), so that the squares don't wrap
  constexpr auto kLargest = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  SUFFICE_EXPECT(shape.height <= kLongest && shape.width <= kLongest &&
                     shape.height * shape.height + shape.width * shape.width <= kLargest,
                 "squared distances of " + std::to_string(shape.height) + " x " +
                     std::to_string(shape.width) + " pixels exceed 32 bits");
  SUFFICE_EXPECT(shape.pixels() > 0 && masks.size() % words_for(shape.pixels()) == 0,
                 "masks are no whole number of words each");
}

// The distance transform of one mask after the other; keeps its rows of work between them.
class DistanceTransform {
 public:
  explicit DistanceTransform(Shape shape)
      : shape_(shape), squares_(shape.width), site_(shape.width), from_(shape.width) {
    columns_.reserve(shape.width);
  }

  void run(const Word* mask, std::int32_t* out) {
    measure_columns(mask, out);
    columns_.clear();
    for (std::size_t c = 0; c < shape_.width; ++c) {
      if (out[c] < kFar) columns_.push_back(static_cast<std::int32_t>(c));
    }
    if (columns_.empty()) {
      std::fill_n(out, shape_.pixels(), kNoDistance);
      return;
    }
    for (std::size_t r = 0; r < shape_.height; ++r) measure_row(out + r * shape_.width);
  }

 private:
  // Distance to the nearest kept pixel of the same column, at least kFar where it has none.
  void measure_columns(const Word* mask, std::int32_t* out) const {
    const std::size_t width = shape_.width;
    for (std::size_t i = 0; i < shape_.pixels(); ++i) {
      const std::int32_t above = i < width ? kFar : out[i - width] + 1;
      out[i] = get_bit(mask, i) ? 0 : above;
    }
    for (std::size_t i = shape_.pixels() - width; i-- > 0;) {
      out[i] = std::min(out[i], out[i + width] + 1);
    }
  }

  // The squared distance of column x to the nearest kept pixel of column `i`, both of one row.
  std::int32_t distance(std::int32_t x, std::int32_t i) const {
    return (x - i) * (x - i) + squares_[static_cast<std::size_t>(i)];
  }

  // Turns one row of distances along columns into squared distances: the lower envelope of the
  // parabolas over the columns. site_[q] rules from column from_[q] to where site_[q + 1] does.
  void measure_row(std::int32_t* row) {
    for (const std::int32_t c : columns_) {
      const auto at = static_cast<std::size_t>(c);
      squares_[at] = row[at] * row[at];
    }
    std::size_t n = 1;
    site_[0] = columns_[0];
    from_[0] = 0;
    for (std::size_t k = 1; k < columns_.size(); ++k) {
      const std::int32_t u = columns_[k];
      while (n > 0 && distance(from_[n - 1], site_[n - 1]) > distance(from_[n - 1], u)) --n;
      std::int32_t begin = 0;
      if (n > 0) {
        // Not negative: at from_[n - 1] the older parabola is no higher, and that is at least 0.
        const std::int32_t i = site_[n - 1];
        const std::int32_t gap = u * u - i * i + squares_[static_cast<std::size_t>(u)] -
                                 squares_[static_cast<std::size_t>(i)];
        begin = 1 + gap / (2 * (u - i));
        if (begin >= static_cast<std::int32_t>(shape_.width)) continue;
      }
      site_[n] = u;
      from_[n] = begin;
      ++n;
    }
    for (std::size_t x = shape_.width; x-- > 0;) {
      const auto column = static_cast<std::int32_t>(x);
      row[x] = distance(column, site_[n - 1]);
      if (column == from_[n - 1]) --n;
    }
  }

  Shape shape_;
  std::vector<std::int32_t> columns_;  // those that keep a pixel
  std::vector<std::int32_t> squares_;
  std::vector<std::int32_t> site_;
  std::vector<std::int32_t> from_;
};

// Calls use(values[i]) for every kept pixel i. Sets are small: most words are skipped.
template <class Use>
void for_each_kept(const Word* mask, const std::vector<std::int32_t>& values, const Use& use) {
  for (std::size_t begin = 0; begin < values.size(); begin += kWordBits) {
    Word word = mask[begin / kWordBits];
    for (std::size_t i = begin; word != 0; ++i, word >>= 1U) {
      if ((word & 1U) != 0) use(values[i]);
    }
  }
}

}  // namespace

void squared_distances(Span<const Word> masks, Shape shape, std::size_t threads,
                       Span<std::int32_t> out) {
  expect_fit(masks, shape);
  const std::size_t n_words = words_for(shape.pixels());
  const std::size_t n_masks = masks.size() / n_words;
  SUFFICE_EXPECT(out.size() == n_masks * shape.pixels(),
                 "squared_distances: out is not masks x pixels");
  parallel_for(n_masks, threads, [&](std::size_t begin, std::size_t end) {
    DistanceTransform transform(shape);
    for (std::size_t m = begin; m < end; ++m) {
      transform.run(masks.data() + m * n_words, out.data() + m * shape.pixels());
    }
  });
}

void directed_hausdorff(Span<const Word> masks, Shape shape, double percent, std::size_t threads,
                        Span<std::int32_t> out) {
  expect_fit(masks, shape);
  SUFFICE_EXPECT(percent > 0.0 && percent <= 100.0, "directed_hausdorff: percent is " +
                                                        std::to_string(percent) +
                                                        ", expected above 0 and at most 100");
  const std::size_t n_words = words_for(shape.pixels());
  const std::size_t n_masks = masks.size() / n_words;
  SUFFICE_EXPECT(out.size() == n_masks * n_masks, "directed_hausdorff: out is not masks x masks");
  std::vector<std::size_t> counts(n_masks);
  for (std::size_t m = 0; m < n_masks; ++m) {
    counts[m] = count_bits(masks.data() + m * n_words, n_words);
  }
  parallel_for(n_masks, threads, [&](std::size_t begin, std::size_t end) {
    DistanceTransform transform(shape);
    std::vector<std::int32_t> to_b(shape.pixels());
    std::vector<std::int32_t> gathered;
    for (std::size_t b = begin; b < end; ++b) {
      if (counts[b] > 0) transform.run(masks.data() + b * n_words, to_b.data());
      for (std::size_t a = 0; a < n_masks; ++a) {
        std::int32_t& value = out[a * n_masks + b];
        if (a == b || counts[a] == 0 || counts[b] == 0) {
          value = a == b || counts[a] == 0 ? 0 : kNoDistance;
          continue;
        }
        const Word* mask_a = masks.data() + a * n_words;
        if (percent == 100.0) {
          value = 0;
          for_each_kept(mask_a, to_b, [&](std::int32_t d) { value = std::max(value, d); });
          continue;
        }
        gathered.clear();
        for_each_kept(mask_a, to_b, [&](std::int32_t d) { gathered.push_back(d); });
        const double rank = std::ceil(static_cast<double>(counts[a]) * percent / 100.0);
        const auto place = gathered.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
        std::nth_element(gathered.begin(), place, gathered.end());
        value = *place;
      }
    }
  });
}

}  // namespace suffice
