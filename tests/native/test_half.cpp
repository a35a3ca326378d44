// Rounding to the 16-bit types, against every value they have.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/half.h"
#include "helpers.h"

namespace suffice {
namespace {

using testing::bits;

constexpr float kInf = std::numeric_limits<float>::infinity();

float to_value(std::uint32_t word) {
  float value = 0;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

// A 16-bit number by its definition.
double defined_value(std::uint32_t word, int significand_bits, int bias) {
  const int top = (1 << (15 - significand_bits)) - 1;
  const int exponent = static_cast<int>(word >> significand_bits) & top;
  const auto fraction = static_cast<double>(word & ((1U << significand_bits) - 1));
  const double sign = (word & 0x8000U) != 0 ? -1 : 1;
  const double unit = std::ldexp(1.0, -significand_bits);
  if (exponent == top) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(fraction * unit, 1 - bias);
  return sign * std::ldexp(1 + fraction * unit, exponent - bias);
}

template <class Type>
void expect_every_value_and_what_lies_between(int significand_bits, int bias) {
  const auto infinity = static_cast<std::uint16_t>(((1U << (15 - significand_bits)) - 1U)
                                                   << static_cast<unsigned>(significand_bits));
  for (std::uint32_t word = 0; word <= 0xffffU; ++word) {
    const auto value = static_cast<std::uint16_t>(word);
    const double defined = defined_value(word, significand_bits, bias);
    const float read = to_value(Type::to_float(value));
    if (std::isnan(defined)) {
      ASSERT_TRUE(std::isnan(read)) << word;
      const std::uint16_t again = Type::from_float(bits(read));
      ASSERT_TRUE(std::isnan(to_value(Type::to_float(again)))) << word;
      continue;
    }
    ASSERT_EQ(static_cast<double>(read), defined) << word;
    ASSERT_EQ(Type::from_float(bits(read)), value) << word;
    if ((word & 0x7fffU) >= infinity) continue;
    // The middle to the next value away from zero, exact in float32: goes to the even one.
    const bool is_last = (word & 0x7fffU) + 1 == infinity;
    const double next = is_last ? std::copysign(std::ldexp(1.0, bias + 1), defined)
                                : defined_value(word + 1, significand_bits, bias);
    const auto middle = static_cast<float>(defined + (next - defined) / 2);
    const auto even = static_cast<std::uint16_t>(word + (word & 1U));
    ASSERT_EQ(Type::from_float(bits(middle)), even) << word;
    const float towards = std::nextafter(middle, read);
    const float away = std::nextafter(middle, std::copysign(kInf, middle));
    ASSERT_EQ(Type::from_float(bits(towards)), value) << word;
    ASSERT_EQ(Type::from_float(bits(away)), word + 1) << word;
  }
}

TEST(Half, Float16RoundsToNearestEven) {
  expect_every_value_and_what_lies_between<cuda::Float16>(10, 15);
}

TEST(Half, Bfloat16RoundsToNearestEven) {
  expect_every_value_and_what_lies_between<cuda::Bfloat16>(7, 127);
}

TEST(Half, TooLargeAndTooSmall) {
  EXPECT_EQ(cuda::to_float16(bits(65519.0F)), 0x7bff);
  EXPECT_EQ(cuda::to_float16(bits(65520.0F)), 0x7c00);
  EXPECT_EQ(cuda::to_float16(bits(-1e30F)), 0xfc00);
  EXPECT_EQ(cuda::to_float16(bits(-kInf)), 0xfc00);
  EXPECT_EQ(cuda::to_float16(bits(1e-30F)), 0x0000);
  EXPECT_EQ(cuda::to_float16(bits(-0.0F)), 0x8000);
  EXPECT_EQ(cuda::to_bfloat16(bits(std::numeric_limits<float>::max())), 0x7f80);
  EXPECT_EQ(cuda::to_bfloat16(bits(-1e-45F)), 0x8000);
}

// Also one whose payload is in the bits that are cut off.
TEST(Half, NanStaysNan) {
  for (const std::uint32_t word : {0x7fc00000U, 0x7f800001U, 0xff800001U, 0xffffffffU}) {
    const std::uint32_t sign = word >> 16 & 0x8000U;
    EXPECT_EQ(cuda::to_float16(word) & 0xfe00U, sign | 0x7e00U);
    EXPECT_EQ(cuda::to_bfloat16(word) & 0xffc0U, sign | 0x7fc0U);
  }
}

}  // namespace
}  // namespace suffice
