// float16 (IEEE binary16) and bfloat16 as bits, to and from the bits of a float32. Written out in
// integers, so that host and device round alike: to nearest, ties to even; too large becomes an
// infinity, subnormal results are kept. NaN stays NaN (made quiet), with its sign and the upper
// bits of its payload.
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace suffice::cuda {

constexpr std::uint32_t kFloatNan = 0x7fc00000U;

// Bits [shift, 32) of `value`, rounded to nearest even; 1 <= shift <= 31.
SUFFICE_DEVICE inline std::uint32_t rounded_shift(std::uint32_t value, unsigned shift) {
  const std::uint32_t half_less_one = (1U << (shift - 1)) - 1;
  return (value + half_less_one + (value >> shift & 1U)) >> shift;
}

SUFFICE_DEVICE inline std::uint16_t to_bfloat16(std::uint32_t value) {
  const bool is_nan = (value & 0x7fffffffU) > 0x7f800000U;
  const std::uint32_t rounded = is_nan ? value >> 16 | 0x40U : rounded_shift(value, 16);
  return static_cast<std::uint16_t>(rounded);
}

SUFFICE_DEVICE inline std::uint32_t from_bfloat16(std::uint16_t value) {
  return std::uint32_t{value} << 16;
}

SUFFICE_DEVICE inline std::uint16_t to_float16(std::uint32_t value) {
  const std::uint32_t sign = value >> 16 & 0x8000U;
  const std::uint32_t magnitude = value & 0x7fffffffU;
  std::uint32_t result = 0;
  if (magnitude > 0x7f800000U) {
    result = 0x7e00U | (magnitude >> 13 & 0x3ffU);
  } else if (magnitude >= 0x47800000U) {  // 65536 and more
    result = 0x7c00U;
  } else if (magnitude >= 0x38800000U) {  // 2^-14: normal. Rounding may carry, up to infinity.
    result = rounded_shift(magnitude - 0x38000000U, 13);
  } else if (magnitude >= 0x33000000U) {  // 2^-25, half the least subnormal
    const std::uint32_t significand = (magnitude & 0x7fffffU) | 0x800000U;
    result = rounded_shift(significand, 126 - (magnitude >> 23));
  }
  return static_cast<std::uint16_t>(sign | result);
}

SUFFICE_DEVICE inline std::uint32_t from_float16(std::uint16_t value) {
  const std::uint32_t sign = (value & 0x8000U) << 16;
  std::uint32_t exponent = value >> 10 & 0x1fU;
  std::uint32_t significand = value & 0x3ffU;
  if (exponent == 0x1fU) return sign | 0x7f800000U | significand << 13;
  if (exponent == 0) {
    if (significand == 0) return sign;
    exponent = 1;
    while ((significand & 0x400U) == 0) {  // at most ten steps
      significand <<= 1;
      --exponent;  // may wrap; the sum below wraps back
    }
    significand &= 0x3ffU;
  }
  return sign | (exponent + 112U) << 23 | significand << 13;
}

// How a type is kept in memory, as bits.
struct Float32 {
  using Bits = std::uint32_t;
  SUFFICE_DEVICE static Bits from_float(std::uint32_t value) { return value; }
  SUFFICE_DEVICE static std::uint32_t to_float(Bits value) { return value; }
};

struct Float16 {
  using Bits = std::uint16_t;
  SUFFICE_DEVICE static Bits from_float(std::uint32_t value) { return to_float16(value); }
  SUFFICE_DEVICE static std::uint32_t to_float(Bits value) { return from_float16(value); }
};

struct Bfloat16 {
  using Bits = std::uint16_t;
  SUFFICE_DEVICE static Bits from_float(std::uint32_t value) { return to_bfloat16(value); }
  SUFFICE_DEVICE static std::uint32_t to_float(Bits value) { return from_bfloat16(value); }
};

}  // namespace suffice::cuda
