// The 14 proper non-empty subsets of four children, in rex-xai's order, as bit sets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace suffice::rex {

using Choice = std::uint8_t;  // bit i set = child i is kept

constexpr std::array<Choice, 14> kChoices = {0b0001, 0b0010, 0b0100, 0b1000, 0b0011,
                                             0b0101, 0b1001, 0b0110, 0b1010, 0b1100,
                                             0b0111, 0b1011, 0b1101, 0b1110};
constexpr std::size_t kMutants = kChoices.size();
constexpr std::size_t kChildren = 4;

constexpr bool has(Choice choice, std::size_t child) {
  return ((unsigned{choice} >> child) & 1U) != 0;
}

constexpr int size(Choice choice) {
  int n = 0;
  for (std::size_t i = 0; i < kChildren; ++i) n += has(choice, i) ? 1 : 0;
  return n;
}

}  // namespace suffice::rex
