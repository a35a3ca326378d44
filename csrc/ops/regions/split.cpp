#include "ops/regions/split.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace suffice {

namespace {

std::optional<std::int64_t> uniform(const Box& box, const SplitStream& stream) {
  const auto choices = static_cast<std::uint64_t>(box.area() - 1);
  return 1 + static_cast<std::int64_t>(mulhi64(stream.block(0)[0], choices));
}

int popcount(std::uint64_t word) {
  int bits = 0;
  for (; word != 0; word &= word - 1) ++bits;
  return bits;
}

// 1 + Binomial(side - 2, 1/2) as a count of random bits, low bits of the words of consecutive
// draws; `draw` moves to the first unused draw. A side of 1 is not cut.
std::int64_t binomial_cut(std::int64_t side, const SplitStream& stream, std::uint64_t& draw) {
  if (side == 1) return 0;
  std::int64_t cut = 1;
  std::int64_t bits = side - 2;
  while (bits > 0) {
    const PhiloxCounter words = stream.block(draw++);
    for (std::size_t w = 0; w < words.size() && bits > 0; ++w) {
      const std::uint64_t word =
          bits >= 64 ? words[w] : words[w] & ((std::uint64_t{1} << bits) - 1);
      cut += popcount(word);
      bits -= 64;
    }
  }
  return cut;
}

std::optional<std::int64_t> binomial(const Box& box, const SplitStream& stream) {
  std::uint64_t draw = 0;
  const std::int64_t row = binomial_cut(box.height(), stream, draw);
  const std::int64_t column = binomial_cut(box.width(), stream, draw);
  return row * box.width() + column;
}

// Running sums of the weights of 0 .. n-1 under BetaBinomial(n, alpha, beta), up to a constant.
// In logarithms, since the weights span hundreds of orders of magnitude for large alpha, beta.
std::vector<double> beta_binomial_sums(std::int64_t n, double alpha, double beta) {
  std::vector<double> log_weight(static_cast<std::size_t>(n), 0.0);
  for (std::size_t k = 0; k + 1 < log_weight.size(); ++k) {
    const auto i = static_cast<double>(k);
    const double left = static_cast<double>(n) - i;
    const double ratio = (left / (i + 1.0)) * ((alpha + i) / (beta + left - 1.0));
    log_weight[k + 1] = log_weight[k] + std::log(ratio);
  }
  const double top = *std::max_element(log_weight.begin(), log_weight.end());
  double sum = 0.0;
  for (double& w : log_weight) w = sum += std::exp(w - top);
  return log_weight;
}

// The first index whose running sum lies above `u` of the whole.
std::int64_t pick(const std::vector<double>& sums, double u) {
  const auto at = std::upper_bound(sums.begin(), sums.end(), u * sums.back());
  const auto last = static_cast<std::int64_t>(sums.size()) - 1;
  return std::min(static_cast<std::int64_t>(at - sums.begin()), last);
}

std::optional<std::int64_t> beta_binomial(const Box& box, const SplitRule& rule,
                                          const SplitStream& stream) {
  const auto rows = beta_binomial_sums(box.height(), rule.alpha, rule.beta);
  const auto columns = beta_binomial_sums(box.width(), rule.alpha, rule.beta);
  for (std::uint64_t draw = 0; draw <= kRedraws; ++draw) {
    const PhiloxCounter words = stream.block(draw);
    const std::int64_t position =
        pick(rows, unit_double(words[0])) * box.width() + pick(columns, unit_double(words[1]));
    if (position != 0) return position;
  }
  return std::nullopt;
}

std::optional<std::int64_t> adaptive(const Box& box, const SplitRule& rule,
                                     const SplitStream& stream) {
  if (rule.weights.empty()) return uniform(box, stream);
  SUFFICE_EXPECT(box.c1 <= rule.image_width &&
                     box.r1 * rule.image_width <= static_cast<std::int64_t>(rule.weights.size()),
                 "draw_split: the adaptive map does not cover the box");
  std::vector<double> sums;
  sums.reserve(static_cast<std::size_t>(box.area()));
  for (std::int64_t r = box.r0; r < box.r1; ++r) {
    const double* row = rule.weights.data() + r * rule.image_width;
    sums.insert(sums.end(), row + box.c0, row + box.c1);
  }
  const auto [low, high] = std::minmax_element(sums.begin(), sums.end());
  if (*low == *high) return uniform(box, stream);
  const double top = *high;
  double sum = 0.0;
  sums[0] = 0.0;
  for (std::size_t i = 1; i < sums.size(); ++i) {
    sums[i] = sum += rule.log_weights ? std::exp(sums[i] - top) : sums[i];
  }
  if (!(sum > 0.0)) return uniform(box, stream);       // all the weight is on position 0
  return pick(sums, unit_double(stream.block(0)[0]));  // never 0, whose weight is 0
}

}  // namespace

std::optional<std::int64_t> draw_split(const Box& box, const SplitRule& rule,
                                       const SplitStream& stream) {
  if (box.area() < 2) return std::nullopt;
  switch (rule.distribution) {
    case Distribution::kUniform:
      return uniform(box, stream);
    case Distribution::kBinom:
      return binomial(box, stream);
    case Distribution::kBetaBinom:
      return beta_binomial(box, rule, stream);
    case Distribution::kAdaptive:
      return adaptive(box, rule, stream);
  }
  return std::nullopt;
}

std::array<Box, 4> split_box(const Box& box, std::int64_t position) {
  SUFFICE_EXPECT(position >= 0 && position < box.area(),
                 "split_box: the position lies outside the box");
  const auto row = static_cast<std::int32_t>(box.r0 + position / box.width());
  const auto column = static_cast<std::int32_t>(box.c0 + position % box.width());
  return {Box{box.r0, row, box.c0, column}, Box{box.r0, row, column, box.c1},
          Box{row, box.r1, box.c0, column}, Box{row, box.r1, column, box.c1}};
}

}  // namespace suffice
