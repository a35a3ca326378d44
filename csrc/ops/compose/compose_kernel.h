// The body of the compose kernels and the arithmetic of their indices (see core/kernel.h).
//
// A row is one composite, n = C*P elements. Memory is written in chunks of 16 bytes wherever they
// are whole, whatever n and the address of `out`: row m begins (misalignment + m*n) % V elements
// past a boundary of 16 bytes, V elements being a chunk. Rows m, m + period, m + 2*period ... begin
// alike, and a thread works on such rows only: it keeps V neighbouring elements of image and
// baseline in registers and writes them for one mask after the other. Only the first and last slot
// of a row, where they are no whole chunk, are written element by element.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/half.h"
#include "core/kernel.h"
#include "ops/compose/compose.h"

namespace suffice::cuda {

constexpr std::size_t kChunkBytes = 16;

// Slots of rows of n elements in chunks of `vector` (a power of two) elements. Slot s of a row of
// group g holds the elements s*vector - shift .. + vector - 1 of the row that exist; the rows of
// group g are g, g + period, ...
struct RowSlots {
  std::int64_t n = 0;
  std::int64_t vector = 1;
  std::int64_t misalignment = 0;  // of row 0, 0..vector-1

  SUFFICE_DEVICE std::int64_t shift(std::int64_t group) const {
    return (misalignment + group * (n % vector)) % vector;
  }
  SUFFICE_DEVICE std::int64_t first(std::int64_t slot, std::int64_t group) const {
    return slot * vector - shift(group);
  }
  SUFFICE_DEVICE std::int64_t count(std::int64_t group) const {
    return (n + shift(group) + vector - 1) / vector;
  }
  // Least p > 0 with p*n a multiple of vector.
  std::int64_t period() const {
    std::int64_t p = 1;
    while (p * (n % vector) % vector != 0) p *= 2;
    return p;
  }
};

// Channel and pixel of an element of a row, walked through in order.
template <Layout kLayout>
struct ElementWalk {
  std::int64_t channel, pixel;

  SUFFICE_DEVICE ElementWalk(std::int64_t element, std::int64_t n_channels, std::int64_t n_pixels)
      : channel(kLayout == Layout::kNchw ? element / n_pixels : element % n_channels),
        pixel(kLayout == Layout::kNchw ? element % n_pixels : element / n_channels) {}

  SUFFICE_DEVICE void step(std::int64_t n_channels, std::int64_t n_pixels) {
    if (kLayout == Layout::kNchw) {
      if (++pixel == n_pixels) {
        pixel = 0;
        ++channel;
      }
    } else if (++channel == n_channels) {
      channel = 0;
      ++pixel;
    }
  }
};

template <class Type, Layout kLayout>
struct ComposeKernel {
  using Bits = typename Type::Bits;
  static constexpr std::size_t kLanes = kChunkBytes / sizeof(Bits);
  static constexpr int kVector = static_cast<int>(kLanes);

  struct alignas(kChunkBytes) Chunk {
    Bits lane[kLanes];
  };
  struct alignas(kChunkBytes) Loaded {
    std::uint32_t lane[kChunkBytes / sizeof(std::uint32_t)];
  };

  const std::uint32_t* image;     // float32, as bits: no instruction rounds or quietens them
  const std::uint32_t* baseline;  // likewise
  ComposeSizes sizes;
  const std::int32_t* rows;    // may be null: all rows are of subject 0
  const std::int32_t* labels;  // may be null: bits are masks
  const Word* bits;
  std::int64_t n_bit_words;
  Bits* out;
  RowSlots slots;
  std::int64_t period;

  // What a thread keeps of its slot: values of a kept and of a removed pixel for each lane, and
  // where the lane's bit is in a row of bits.
  struct Lanes {
    Bits kept[kLanes];
    Bits removed[kLanes];
    std::int64_t index[kLanes];
    bool one_word;  // all bits are in the same word
  };

  //   x: slots, y: groups of rows, z: rows of a group, each in grid strides
  SUFFICE_DEVICE void operator()(const GridPosition& at) const {
    for (std::int64_t group = at.y; group < period; group += at.y_stride) {
      for (std::int64_t slot = at.x; slot < slots.count(group); slot += at.x_stride) {
        fill(slots.first(slot, group), group, at);
      }
    }
  }

  SUFFICE_DEVICE void fill(std::int64_t first, std::int64_t group, const GridPosition& at) const {
    Lanes lanes{};                  // the compiler does not see that the first round loads
    std::int64_t held = INT64_MIN;  // the subject whose lanes these are
    for (std::int64_t m = group + period * at.z; m < sizes.masks; m += period * at.z_stride) {
      const std::int64_t subject = rows == nullptr ? 0 : rows[m];
      if (subject != held) load(subject, first, lanes);
      held = subject;
      store(m, first, lanes);
    }
  }

  SUFFICE_DEVICE bool is_whole(std::int64_t first) const {
    return first >= 0 && first + kVector <= slots.n;
  }

  SUFFICE_DEVICE void load(std::int64_t subject, std::int64_t first, Lanes& lanes) const {
    if (subject < 0 || subject >= sizes.subjects) return load_nothing(lanes);
    std::uint32_t kept[kLanes] = {};
    std::uint32_t removed[kLanes] = {};
    const std::int64_t at = subject * slots.n;
    const bool in_chunks = kLayout == Layout::kNchw && is_whole(first) &&
                           is_aligned(image + at + first) && is_aligned(baseline + at + first);
    if (in_chunks) {
      load_chunks(image + at + first, kept);
      load_chunks(baseline + at + first, removed);
    }
    const std::int64_t begin = larger(first, 0);
    const std::int64_t end = smaller(first + kVector, slots.n);
    const std::int32_t* map =
        labels == nullptr ? nullptr : labels + (sizes.label_maps == 1 ? 0 : subject) * sizes.pixels;
    ElementWalk<kLayout> walk(begin, sizes.channels, sizes.pixels);
    std::int64_t common = -1;
    lanes.one_word = true;
    for (int lane = 0; lane < kVector; ++lane) {
      lanes.index[lane] = -1;
      if (first + lane < begin || first + lane >= end) continue;
      if (!in_chunks) {
        const std::int64_t from = at + walk.channel * sizes.pixels + walk.pixel;
        kept[lane] = image[from];
        removed[lane] = baseline[from];
      }
      std::int64_t index = map == nullptr ? walk.pixel : map[walk.pixel];
      if (map != nullptr && (index < 0 || index >= sizes.regions)) {  // harmless: always removed
        kept[lane] = removed[lane];
      } else {
        lanes.one_word = lanes.one_word && (common < 0 || index / 64 == common / 64);
        common = index;
        lanes.index[lane] = index;
      }
      walk.step(sizes.channels, sizes.pixels);
    }
    if (common < 0) common = 0;
    for (int lane = 0; lane < kVector; ++lane) {
      if (lanes.index[lane] < 0) lanes.index[lane] = common;  // read, of no effect
      lanes.kept[lane] = Type::from_float(kept[lane]);
      lanes.removed[lane] = Type::from_float(removed[lane]);
    }
  }

  // A row of no subject: NaN everywhere, which the scores of any model betray.
  SUFFICE_DEVICE void load_nothing(Lanes& lanes) const {
    for (int lane = 0; lane < kVector; ++lane) {
      lanes.kept[lane] = lanes.removed[lane] = Type::from_float(kFloatNan);
      lanes.index[lane] = 0;
    }
    lanes.one_word = true;
  }

  SUFFICE_DEVICE static bool is_aligned(const std::uint32_t* from) {
    return reinterpret_cast<std::uintptr_t>(from) % kChunkBytes == 0;
  }

  SUFFICE_DEVICE static void load_chunks(const std::uint32_t* from, std::uint32_t* to) {
    constexpr int kStep = static_cast<int>(kChunkBytes / sizeof(std::uint32_t));
    for (int i = 0; i < kVector; i += kStep) {
      const Loaded loaded = *reinterpret_cast<const Loaded*>(from + i);
      for (int lane = 0; lane < kStep; ++lane) to[i + lane] = loaded.lane[lane];
    }
  }

  SUFFICE_DEVICE void store(std::int64_t m, std::int64_t first, const Lanes& lanes) const {
    const Word* row = bits + m * n_bit_words;
    const Word word = row[lanes.index[0] / 64];
    Chunk chunk;
    for (int lane = 0; lane < kVector; ++lane) {
      const std::int64_t i = lanes.index[lane];
      const bool kept = lanes.one_word ? (word >> (i % 64) & 1U) != 0 : has_bit(row, i);
      chunk.lane[lane] = kept ? lanes.kept[lane] : lanes.removed[lane];
    }
    const std::int64_t to = m * slots.n + first;
    if (is_whole(first)) {
      *reinterpret_cast<Chunk*>(out + to) = chunk;
      return;
    }
    for (int lane = 0; lane < kVector; ++lane) {
      if (first + lane >= 0 && first + lane < slots.n) out[to + lane] = chunk.lane[lane];
    }
  }

  LaunchShape shape() const {
    LaunchShape shape;
    shape.x = blocks_for(slots.n / kVector + 2, kThreads, kManyBlocks);
    shape.y = static_cast<unsigned>(period);
    // No more blocks along the masks than fill the device: each of them reads the image once more.
    constexpr std::int64_t kEnoughBlocks = 2048;
    const std::int64_t others = static_cast<std::int64_t>(shape.x) * period;
    shape.z = blocks_for(sizes.masks, period, (kEnoughBlocks + others - 1) / others);
    return shape;
  }
};

template <class Type, Layout kLayout>
ComposeKernel<Type, kLayout> make_compose_kernel(const ComposeInput& input,
                                                 const std::uint32_t* image,
                                                 const std::uint32_t* baseline,
                                                 typename Type::Bits* out) {
  using Kernel = ComposeKernel<Type, kLayout>;
  const ComposeSizes& sizes = input.sizes;
  const auto element = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(out) %
                                                 kChunkBytes / sizeof(typename Type::Bits));
  const RowSlots slots{sizes.channels * sizes.pixels, Kernel::kVector, element};
  const std::int64_t n_bits = input.labels == nullptr ? sizes.pixels : sizes.regions;
  return {image,      baseline,         sizes, input.rows, input.labels,
          input.bits, to_words(n_bits), out,   slots,      slots.period()};
}

}  // namespace suffice::cuda
