// Philox 4x64-10 (Salmon, Moraes, Dror, Shaw 2011): random words as a pure function of a key and
// a counter, so that no draw depends on threads, batches or on which draws came before it.
//   key      [2]  uint64
//   counter  [4]  uint64, least significant word first
//   result   [4]  uint64, equal to numpy.random.Philox(key=key, counter=counter - 1).random_raw(4)
//                 (numpy advances its counter once before the first block)
#pragma once

#include <array>
#include <cstdint>

namespace suffice {

using PhiloxKey = std::array<std::uint64_t, 2>;
using PhiloxCounter = std::array<std::uint64_t, 4>;

// High 64 bits of a 128-bit product. With a random word x, mulhi64(x, n) is uniform over 0..n-1.
inline std::uint64_t mulhi64(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kLow = 0xffffffffULL;
  const std::uint64_t a0 = a & kLow;
  const std::uint64_t a1 = a >> 32U;
  const std::uint64_t b0 = b & kLow;
  const std::uint64_t b1 = b >> 32U;
  const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32U);
  const std::uint64_t cross = a0 * b1 + (middle & kLow);
  return a1 * b1 + (middle >> 32U) + (cross >> 32U);
}

inline PhiloxCounter philox4x64(PhiloxKey key, PhiloxCounter counter) {
  constexpr int kRounds = 10;
  constexpr std::uint64_t kMultiplier0 = 0xd2e7470ee14c6c93ULL;
  constexpr std::uint64_t kMultiplier1 = 0xca5a826395121157ULL;
  constexpr std::uint64_t kWeyl0 = 0x9e3779b97f4a7c15ULL;
  constexpr std::uint64_t kWeyl1 = 0xbb67ae8584caa73bULL;
  for (int round = 0; round < kRounds; ++round) {
    counter = {mulhi64(kMultiplier1, counter[2]) ^ counter[1] ^ key[0], kMultiplier1 * counter[2],
               mulhi64(kMultiplier0, counter[0]) ^ counter[3] ^ key[1], kMultiplier0 * counter[0]};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// A double in [0, 1) with 53 random bits.
inline double unit_double(std::uint64_t word) {
  return static_cast<double>(word >> 11U) * 0x1.0p-53;
}

}  // namespace suffice
