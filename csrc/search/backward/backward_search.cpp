#include "search/backward/backward_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/leave_one_out/leave_one_out.h"

namespace suffice {

namespace {

void clear_bit(Word* words, std::size_t i) {
  words[i / kWordBits] &= ~(Word{1} << (i % kWordBits));
}

std::size_t to_index(std::int32_t pixel) { return static_cast<std::size_t>(pixel); }

}  // namespace

BackwardSearch::BackwardSearch(Span<const Word> start, std::size_t n_pixels, std::size_t width)
    : current_(start.begin(), start.end()), width_(width) {
  SUFFICE_EXPECT(n_pixels <= to_index(std::numeric_limits<std::int32_t>::max()),
                 "BackwardSearch: too many pixels");
  SUFFICE_EXPECT(start.size() == words_for(n_pixels),
                 "BackwardSearch: start has the wrong number of words");
  SUFFICE_EXPECT(width > 0, "BackwardSearch: width must be at least 1");
  for (std::size_t i = 0; i < n_pixels; ++i) {
    if (get_bit(current_.data(), i)) kept_.push_back(static_cast<std::int32_t>(i));
  }
  SUFFICE_EXPECT(!kept_.empty(), "BackwardSearch: start keeps no pixel");
  SUFFICE_EXPECT(count_bits(current_.data(), current_.size()) == kept_.size(),
                 "BackwardSearch: start has bits beyond the last pixel");
  order_.reserve(kept_.size());
  values_.reserve(kept_.size());
  passing_.reserve(kept_.size());
}

std::size_t BackwardSearch::prepare_round() const {
  return std::min(width_, kept_.size() - asked_);
}

void BackwardSearch::write_round(Span<Word> masks) const {
  const std::size_t n = prepare_round();
  SUFFICE_EXPECT(masks.size() == n * n_words(), "write_round: masks has the wrong size");
  leave_one_out({current_.data(), current_.size()}, {kept_.data() + asked_, n}, masks);
}

void BackwardSearch::tell(Span<const double> values, Span<const std::uint8_t> passing) {
  const std::size_t n = prepare_round();
  SUFFICE_EXPECT(n > 0 && values.size() == n && passing.size() == n,
                 "tell takes the outcomes of exactly the round that was asked");
  SUFFICE_EXPECT(std::none_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }),
                 "tell: a value is NaN");
  for (std::size_t m = 0; m < n; ++m) {
    if (asked_ + m > 0 && !(values[m] > best_value_)) continue;
    best_ = asked_ + m;
    best_value_ = values[m];
    best_passes_ = passing[m] != 0 ? 1 : 0;
  }
  asked_ += n;
  if (asked_ == kept_.size()) drop_best();
}

void BackwardSearch::drop_best() {
  const std::int32_t pixel = kept_[best_];
  clear_bit(current_.data(), to_index(pixel));
  kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(best_));
  order_.push_back(pixel);
  values_.push_back(best_value_);
  passing_.push_back(best_passes_);
  asked_ = 0;
}

}  // namespace suffice
