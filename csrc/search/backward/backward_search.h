// Backward selection of one subject (BackSelect of sufficient input subsets): every sweep tries to
// leave out each pixel that is still kept and drops the one whose loss leaves the largest value.
//
//   while (search.prepare_round() > 0) {
//     search.write_round(masks);       // uint64 [M, words], every word written
//     search.tell(values, passing);    // [M] each, in the round's order
//   }
//   search.order()                     // int32 [n]: pixels in the order they were dropped
//   search.values(), search.passing()  // [n]: value and verdict of what was left after each
//
// Round order: kept pixels row-major, cut into rounds of at most `width` masks. Of equal values
// the first counts, so ties drop the pixel of the lowest index. The last sweep of n pixels is one
// round of the one empty mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/packed_mask.h"
#include "core/span.h"

namespace suffice {

class BackwardSearch {
 public:
  // start [words(n_pixels)]: the pixels to drop; all others are left out from the beginning.
  // Throws invalid_argument on a start without or beyond pixels, and on a width of 0.
  BackwardSearch(Span<const Word> start, std::size_t n_pixels, std::size_t width);

  // Masks of the current round; 0 when all pixels are dropped.
  std::size_t prepare_round() const;
  void write_round(Span<Word> masks) const;

  // Throws invalid_argument, and changes nothing, where the length is not the round's or a value
  // is NaN.
  void tell(Span<const double> values, Span<const std::uint8_t> passing);

  std::size_t remaining() const { return kept_.size(); }
  std::size_t n_words() const { return current_.size(); }
  Span<const std::int32_t> order() const { return {order_.data(), order_.size()}; }
  Span<const double> values() const { return {values_.data(), values_.size()}; }
  Span<const std::uint8_t> passing() const { return {passing_.data(), passing_.size()}; }

 private:
  void drop_best();

  std::vector<Word> current_;
  std::vector<std::int32_t> kept_;  // row-major
  std::size_t width_;
  std::size_t asked_ = 0;  // pixels of the sweep whose outcomes are known
  std::size_t best_ = 0;   // index into kept_ of the best of them
  double best_value_ = 0.0;
  std::uint8_t best_passes_ = 0;
  std::vector<std::int32_t> order_;
  std::vector<double> values_;
  std::vector<std::uint8_t> passing_;
};

}  // namespace suffice
