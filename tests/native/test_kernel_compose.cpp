// The compose kernels' own text, run on the CPU (emulate.h) against the CPU version.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "emulate.h"
#include "helpers.h"
#include "ops/compose/compose.h"
#include "ops/compose/compose_kernel.h"
#include "ops/regions/regions.h"

namespace suffice {
namespace {

using cuda::ComposeInput;
using cuda::Layout;
using cuda::RowSlots;
using testing::in;
using testing::out;

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> words(values.size());
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = testing::bits(values[i]);
  return words;
}

std::vector<float> random_values(std::mt19937_64& random, std::size_t n) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> values(n);
  for (float& value : values) {
    value = static_cast<float>(static_cast<double>(random() % 2000) / 7 - 100);
    if (random() % 50 == 0) value = random() % 2 == 0 ? -0.0F : kInf;
  }
  return values;
}

// One batch: everything the kernels read, and the composites as float32 [M, C, P] by the CPU.
struct Batch {
  std::size_t subjects, channels, pixels, masks;
  std::vector<float> image, baseline;
  std::vector<std::int32_t> rows;
  std::vector<Word> packed;
  std::vector<float> expected;

  Batch(std::mt19937_64& random, std::size_t s, std::size_t c, std::size_t p, std::size_t m)
      : subjects(s), channels(c), pixels(p), masks(m) {
    image = random_values(random, s * c * p);
    baseline = random_values(random, s * c * p);
    packed = testing::random_masks(random, m, p);
    for (std::size_t i = 0; i < m; ++i) {
      rows.push_back(static_cast<std::int32_t>(s == 1 ? 0 : random() % s));
    }
    compose_expected();
  }

  void compose_expected() {
    const std::size_t n = channels * pixels;
    expected.assign(masks * n, 99.0F);
    for (std::size_t i = 0; i < masks; ++i) {
      const std::size_t from = static_cast<std::size_t>(rows[i]) * n;
      compose({image.data() + from, n}, {baseline.data() + from, n}, channels,
              {packed.data() + i * words_for(pixels), words_for(pixels)},
              {expected.data() + i * n, n}, 1);
    }
  }

  ComposeInput input() const {
    ComposeInput input;
    input.sizes.subjects = static_cast<std::int64_t>(subjects);
    input.sizes.channels = static_cast<std::int64_t>(channels);
    input.sizes.pixels = static_cast<std::int64_t>(pixels);
    input.sizes.masks = static_cast<std::int64_t>(masks);
    input.rows = subjects == 1 ? nullptr : rows.data();
    input.bits = packed.data();
    return input;
  }
};

// Memory with `offset` elements in front of `out` and as many behind; what is outside has to stay.
template <class Bits>
struct Guarded {
  static constexpr Bits kPoison = static_cast<Bits>(0xdeadbeefU);
  // 16 elements: a whole number of chunks of any type, so that `offset` is the misalignment.
  static constexpr std::size_t kAround = 16;
  struct alignas(16) Chunk {
    Bits lane[16 / sizeof(Bits)];
  };
  std::vector<Chunk> memory;
  std::size_t offset, size;

  Guarded(std::size_t size_, std::size_t offset_) : offset(kAround + offset_), size(size_) {
    memory.resize((offset + size + kAround) / (16 / sizeof(Bits)) + 1);
    for (std::size_t i = 0; i < total(); ++i) at(i) = kPoison;
  }
  std::size_t total() const { return memory.size() * (16 / sizeof(Bits)); }
  Bits& at(std::size_t i) { return memory[i / (16 / sizeof(Bits))].lane[i % (16 / sizeof(Bits))]; }
  Bits* data() { return reinterpret_cast<Bits*>(memory.data()) + offset; }
};

template <class Type, Layout kLayout>
void expect_emulated(const Batch& batch, const ComposeInput& input, std::size_t offset) {
  using Bits = typename Type::Bits;
  const std::vector<std::uint32_t> image = bits_of(batch.image);
  const std::vector<std::uint32_t> baseline = bits_of(batch.baseline);
  const std::size_t n = batch.channels * batch.pixels;
  Guarded<Bits> probe(n * batch.masks, offset);
  const auto own =
      cuda::make_compose_kernel<Type, kLayout>(input, image.data(), baseline.data(), probe.data());
  for (const cuda::LaunchShape& shape : testing::shapes_to_try(own.shape())) {
    Guarded<Bits> to(n * batch.masks, offset);
    testing::emulate_threads(
        cuda::make_compose_kernel<Type, kLayout>(input, image.data(), baseline.data(), to.data()),
        shape);
    for (std::size_t i = 0; i < to.total(); ++i) {
      if (i < to.offset || i >= to.offset + to.size) {
        ASSERT_EQ(to.at(i), Guarded<Bits>::kPoison) << "outside of out";
        continue;
      }
      const std::size_t e = (i - to.offset) % n;
      const std::size_t c = kLayout == Layout::kNchw ? e / batch.pixels : e % batch.channels;
      const std::size_t p = kLayout == Layout::kNchw ? e % batch.pixels : e / batch.channels;
      const std::size_t from = (i - to.offset) / n * n + c * batch.pixels + p;
      ASSERT_EQ(to.at(i), Type::from_float(testing::bits(batch.expected[from])))
          << "element " << e << " of " << n << ", channels " << batch.channels;
    }
  }
}

void expect_emulated_in_all_types(const Batch& batch, const ComposeInput& input,
                                  std::size_t offset) {
  expect_emulated<cuda::Float32, Layout::kNchw>(batch, input, offset % 4);
  expect_emulated<cuda::Float32, Layout::kNhwc>(batch, input, offset % 4);
  expect_emulated<cuda::Float16, Layout::kNchw>(batch, input, offset);
  expect_emulated<cuda::Float16, Layout::kNhwc>(batch, input, offset);
  expect_emulated<cuda::Bfloat16, Layout::kNchw>(batch, input, offset);
  expect_emulated<cuda::Bfloat16, Layout::kNhwc>(batch, input, offset);
}

const std::vector<std::size_t> kPixels = {1, 2, 3, 7, 16, 63, 64, 65, 129, 200, 33 * 41};

TEST(KernelCompose, WritesWhatTheCpuWritesAndNothingElse) {
  std::mt19937_64 random(1);
  for (const std::size_t pixels : kPixels) {
    for (const std::size_t channels : {1U, 2U, 3U, 4U}) {
      for (const std::size_t masks : {1U, 11U}) {
        const Batch batch(random, 1, channels, pixels, masks);
        expect_emulated_in_all_types(batch, batch.input(), random() % 8);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(KernelCompose, NoMasksWriteNothing) {
  std::mt19937_64 random(2);
  const Batch batch(random, 1, 3, 64, 0);
  expect_emulated_in_all_types(batch, batch.input(), 0);
}

TEST(KernelCompose, RowsOfSeveralSubjects) {
  std::mt19937_64 random(3);
  for (const std::size_t pixels : kPixels) {
    const Batch batch(random, 4, 3, pixels, 13);
    expect_emulated_in_all_types(batch, batch.input(), random() % 8);
  }
}

TEST(KernelCompose, ARowOfNoSubjectIsNan) {
  std::mt19937_64 random(4);
  Batch batch(random, 2, 3, 65, 6);
  ComposeInput input = batch.input();
  std::vector<std::int32_t> rows = batch.rows;
  rows[1] = -1;
  rows[4] = 2;
  input.rows = rows.data();
  const std::size_t n = batch.channels * batch.pixels;
  for (const std::size_t m : {1U, 4U}) {
    std::fill_n(batch.expected.begin() + static_cast<std::ptrdiff_t>(m * n), n,
                std::numeric_limits<float>::quiet_NaN());
  }
  expect_emulated_in_all_types(batch, input, 3);
}

// From labels and choices: one map for all subjects, or one for each; some labels out of range.
TEST(KernelCompose, ChoicesOfRegions) {
  std::mt19937_64 random(5);
  for (const std::size_t pixels : kPixels) {
    for (const std::size_t regions : {1U, 64U, 131U}) {
      for (const std::size_t maps : {1U, 3U}) {
        Batch batch(random, 3, 3, pixels, 9);
        std::vector<std::int32_t> labels(maps * pixels);
        for (std::size_t i = 0; i < labels.size(); ++i) {  // runs, so that chunks share a word
          labels[i] =
              i % 5 == 0 || i == 0 ? static_cast<std::int32_t>(random() % regions) : labels[i - 1];
        }
        const std::vector<Word> choices = testing::random_masks(random, batch.masks, regions);
        ComposeInput input = batch.input();
        const std::vector<std::int32_t> outside = {-1, static_cast<std::int32_t>(regions),
                                                   std::numeric_limits<std::int32_t>::max()};
        for (const std::int32_t label : outside) labels[random() % labels.size()] = label;
        std::fill(batch.packed.begin(), batch.packed.end(), Word{0});
        for (std::size_t m = 0; m < batch.masks; ++m) {
          const std::size_t map = maps == 1 ? 0 : static_cast<std::size_t>(batch.rows[m]);
          for (std::size_t i = 0; i < pixels; ++i) {
            const std::int32_t label = labels[map * pixels + i];
            const bool is_region = label >= 0 && static_cast<std::size_t>(label) < regions;
            if (is_region &&
                get_bit(choices.data() + m * words_for(regions), static_cast<std::size_t>(label))) {
              set_bit(batch.packed.data() + m * words_for(pixels), i);
            }
          }
        }
        batch.compose_expected();
        input.sizes.label_maps = static_cast<std::int64_t>(maps);
        input.sizes.regions = static_cast<std::int64_t>(regions);
        input.labels = labels.data();
        input.bits = choices.data();
        expect_emulated_in_all_types(batch, input, random() % 8);
      }
    }
  }
}

// Slots of every row cut it into pieces that follow each other, whole ones at boundaries of 16
// bytes; rows of a group begin alike.
void expect_slots_cover(const RowSlots& slots, std::int64_t row) {
  const std::int64_t group = row % slots.period();
  const std::int64_t count = slots.count(group);
  EXPECT_LE(slots.first(0, group), 0);
  EXPECT_GT(slots.first(0, group), -slots.vector);
  EXPECT_LT(slots.first(count - 1, group), slots.n);
  EXPECT_GE(slots.first(count - 1, group) + slots.vector, slots.n);
  for (const std::int64_t slot : {std::int64_t{0}, count / 2, count - 1}) {
    const std::int64_t in_memory = slots.misalignment + row * slots.n + slots.first(slot, group);
    EXPECT_EQ(in_memory % slots.vector, 0);
    EXPECT_EQ(slots.first(slot, group), slots.first(0, group) + slot * slots.vector);
  }
}

TEST(KernelCompose, SlotsOfAllSizes) {
  for (const std::int64_t vector : {4, 8}) {
    for (std::int64_t n = 1; n < 40; ++n) {
      for (std::int64_t misalignment = 0; misalignment < vector; ++misalignment) {
        const RowSlots slots{n, vector, misalignment};
        EXPECT_EQ(slots.period() * n % vector, 0);
        for (std::int64_t row = 0; row < 20; ++row) expect_slots_cover(slots, row);
      }
    }
  }
}

// Rows of 2^33 and some elements, batches of 2^40: nothing is counted in 32 bits.
TEST(KernelCompose, SlotsOfHugeRows) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 33U;
  for (const std::int64_t n : {kHuge, kHuge + 1, kHuge + 6, 3 * kHuge - 1}) {
    for (const std::int64_t vector : {4, 8}) {
      const RowSlots slots{n, vector, 1};
      for (const std::int64_t row : {0, 1, 2, 7, 127}) expect_slots_cover(slots, row);
      const std::int64_t count = slots.count(0);
      EXPECT_GE(count * vector, n);
      EXPECT_GT(slots.first(count - 1, 0), kHuge - 2 * vector);
    }
  }
  const std::int64_t element = 2 * kHuge + 5;
  const cuda::ElementWalk<Layout::kNchw> planar(element, 3, kHuge);
  EXPECT_EQ(planar.channel, 2);
  EXPECT_EQ(planar.pixel, 5);
  const cuda::ElementWalk<Layout::kNhwc> mixed(element, 3, kHuge);
  EXPECT_EQ(mixed.channel, element % 3);
  EXPECT_EQ(mixed.pixel, element / 3);
  ComposeInput input;
  input.sizes = {1, 3, kHuge, 100, 1, 0};
  const auto kernel =
      cuda::make_compose_kernel<cuda::Float16, Layout::kNchw>(input, nullptr, nullptr, nullptr);
  EXPECT_EQ(kernel.n_bit_words, kHuge / 64);
  EXPECT_EQ(kernel.shape().x, cuda::kManyBlocks);
  EXPECT_LE(kernel.shape().z, cuda::kMaxGridSide);
}

TEST(KernelCompose, BlocksAreCountedWithoutOverflow) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(cuda::blocks_for(kMost, 256, cuda::kManyBlocks), cuda::kManyBlocks);
  EXPECT_EQ(cuda::blocks_for(0, 256, 10), 1U);
  EXPECT_EQ(cuda::blocks_for(257, 256, 10), 2U);
}

}  // namespace
}  // namespace suffice
