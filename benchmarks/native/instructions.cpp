// Runs one core operation on fixed inputs, in one thread: what tools/instructions.py counts.
//
//   suffice_instructions            the names of all operations, one a line
//   suffice_instructions NAME       prepares, calls suffice_measured() once, prints a checksum
//
// Only what suffice_measured() runs is counted. Inputs are those of an ImageNet classifier.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/packed_mask.h"
#include "core/span.h"
#include "ops/compose/compose.h"
#include "ops/mask_metrics/mask_metrics.h"
#include "ops/ranking/ranking.h"
#include "ops/regions/regions.h"
#include "ops/responsibility/responsibility.h"
#include "ops/scores/scores.h"
#include "search/backward/backward_search.h"
#include "search/rex/rex_search.h"

namespace {

using namespace suffice;

constexpr Shape kShape{224, 224};
constexpr std::size_t kPixels = 224 * 224;
constexpr std::size_t kWords = words_for(kPixels);
constexpr std::size_t kMasks = 16;
constexpr std::size_t kClasses = 1000;

// splitmix64: the same numbers with every standard library.
class Numbers {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  float unit() { return static_cast<float>(next() >> 40) * 0x1p-24F; }

 private:
  std::uint64_t state_ = 1;
};

template <class T>
Span<const T> in(const std::vector<T>& values) {
  return Span<const T>(values.data(), values.size());
}

template <class T>
Span<T> out(std::vector<T>& values) {
  return Span<T>(values.data(), values.size());
}

// What an operation made, so that none of it can be left out by the compiler.
template <class T>
std::uint64_t checksum(const std::vector<T>& values) {
  std::uint64_t sum = 14695981039346656037U;
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (std::size_t i = 0; i < values.size() * sizeof(T); ++i)
    sum = (sum ^ bytes[i]) * 1099511628211U;
  return sum;
}

// A prepared operation: `run` is measured, `sum` is taken afterwards.
struct Operation {
  std::function<void()> run;
  std::function<std::uint64_t()> sum;
};

std::vector<float> floats(std::size_t n) {
  Numbers numbers;
  std::vector<float> values(n);
  for (float& value : values) value = numbers.unit();
  return values;
}

// Masks that keep about half of the tiles of 8 x 8 pixels.
struct TileInputs {
  std::vector<std::int32_t> labels = std::vector<std::int32_t>(kPixels);
  std::size_t n_tiles = 28 * 28;
  std::vector<Word> choices = std::vector<Word>(kMasks * words_for(28 * 28));

  TileInputs() {
    tile_labels(kShape, 8, out(labels));
    Numbers numbers;
    for (Word& word : choices) word = numbers.next();
  }
  std::vector<Word> masks() const {
    std::vector<Word> packed(kMasks * kWords);
    masks_from_labels(in(labels), in(choices), n_tiles, out(packed));
    return packed;
  }
};

std::vector<std::int32_t> random_boxes(std::size_t n) {
  Numbers numbers;
  std::vector<std::int32_t> boxes;
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const auto a = static_cast<std::int32_t>(numbers.below(225));
    const auto b = static_cast<std::int32_t>(numbers.below(225));
    boxes.push_back(a < b ? a : b);
    boxes.push_back(a < b ? b : a);
  }
  return boxes;
}

template <class T>
Operation keep(std::function<void(std::vector<T>&)> body, std::size_t size) {
  const auto result = std::make_shared<std::vector<T>>(size);
  return {[=] { body(*result); }, [=] { return checksum(*result); }};
}

Operation compose_batch() {
  const std::vector<float> image = floats(3 * kPixels);
  const std::vector<float> baseline(3 * kPixels, 0.0F);
  const std::vector<Word> masks = TileInputs().masks();
  return keep<float>(
      [=](std::vector<float>& batch) {
        compose(in(image), in(baseline), 3, in(masks), out(batch), 1);
      },
      kMasks * 3 * kPixels);
}

Operation tile_masks() {
  const TileInputs tiles;
  return keep<Word>(
      [=](std::vector<Word>& masks) {
        masks_from_labels(in(tiles.labels), in(tiles.choices), tiles.n_tiles, out(masks));
      },
      kMasks * kWords);
}

Operation box_masks() {
  const std::vector<std::int32_t> boxes = random_boxes(20 * kMasks);
  std::vector<std::int64_t> offsets;
  for (std::size_t m = 0; m <= kMasks; ++m) offsets.push_back(static_cast<std::int64_t>(20 * m));
  return keep<Word>(
      [=](std::vector<Word>& masks) {
        masks_from_boxes(in(boxes), in(offsets), kShape, out(masks));
      },
      kMasks * kWords);
}

Operation hash_of_masks() {
  const std::vector<Word> masks = TileInputs().masks();
  return keep<std::uint64_t>(
      [=](std::vector<std::uint64_t>& digests) { hash_masks(in(masks), kWords, out(digests)); },
      2 * kMasks);
}

Operation sum_responsibility() {
  const std::vector<std::int32_t> boxes = random_boxes(2000);
  const std::vector<std::int64_t> values(2000, 6);
  return keep<std::int64_t>(
      [=](std::vector<std::int64_t>& map) { accumulate(in(boxes), in(values), kShape, out(map)); },
      kPixels);
}

Operation credit_of_masks() {
  const std::vector<Word> masks = TileInputs().masks();
  const std::vector<double> weights(kMasks, 0.1);
  return keep<double>(
      [=](std::vector<double>& map) { add_masks(in(masks), in(weights), out(map)); }, kPixels);
}

Operation rank_pixels() {
  const std::vector<float> values = floats(kPixels);
  return keep<std::int32_t>(
      [=](std::vector<std::int32_t>& order) { rank(in(values), Ties::kFirst, out(order)); },
      kPixels);
}

Operation ranking_masks() {
  std::vector<std::int32_t> order(kPixels);
  rank(in(floats(kPixels)), Ties::kFirst, out(order));
  std::vector<std::int64_t> lengths;
  for (std::size_t m = 1; m <= kMasks; ++m) lengths.push_back(static_cast<std::int64_t>(3000 * m));
  return keep<Word>(
      [=](std::vector<Word>& masks) { prefix_masks(in(order), in(lengths), kPixels, out(masks)); },
      kMasks * kWords);
}

Operation decide_scores() {
  constexpr std::size_t kRows = 16;
  const std::vector<float> scores = floats(kRows * kClasses);
  const std::vector<std::int32_t> targets(kRows, 7);
  return keep<double>(
      [=](std::vector<double>& numbers) {
        std::vector<std::int32_t> top1(kRows);
        std::vector<std::uint8_t> wins(kRows);
        const Span<double> all = out(numbers);
        const DecisionSpans spans{out(top1),
                                  all.sub(0, kRows),
                                  all.sub(kRows, kRows),
                                  all.sub(2 * kRows, kRows),
                                  all.sub(3 * kRows, kRows),
                                  out(wins)};
        decide(in(scores), kClasses, in(targets), OutputKind::kLogits, spans);
      },
      4 * kRows);
}

Operation dice_matrix() {
  const std::vector<Word> masks = TileInputs().masks();
  return keep<double>([=](std::vector<double>& matrix) { dice(in(masks), kWords, out(matrix)); },
                      kMasks * kMasks);
}

Operation hausdorff_matrix() {
  std::vector<Word> masks = TileInputs().masks();
  masks.resize(4 * kWords);
  return keep<std::int32_t>(
      [=](std::vector<std::int32_t>& matrix) {
        directed_hausdorff(in(masks), kShape, 100.0, 1, out(matrix));
      },
      16);
}

// The first 8 sweeps over a picture of 32 x 32 pixels.
Operation backward_sweeps() {
  constexpr std::size_t kSmall = 32 * 32;
  return keep<Word>(
      [](std::vector<Word>& masks) {
        std::vector<Word> all(words_for(kSmall), ~Word{0});
        BackwardSearch search(in(all), kSmall, 4096);
        Numbers numbers;
        std::vector<double> values(kSmall);
        const std::vector<std::uint8_t> passing(kSmall, 1);
        for (int sweep = 0; sweep < 8; ++sweep) {
          const std::size_t n = search.prepare_round();
          search.write_round(out(masks).sub(0, n * search.n_words()));
          for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<double>(numbers.unit());
          search.tell(in(values).sub(0, n), in(passing).sub(0, n));
        }
      },
      kSmall * words_for(kSmall));
}

// The whole search of rex over 3 iterations; a mutant passes where it keeps the middle.
Operation rex_rounds() {
  return keep<float>(
      [](std::vector<float>& map) {
        rex::Settings settings;
        settings.iterations = 3;
        rex::RexSearch search(224, 224, 0, settings, 0, 1);
        std::vector<Word> masks;
        while (const std::size_t n = search.prepare_round()) {
          masks.assign(n * search.n_words(), 0);
          search.write_round(out(masks));
          std::vector<std::int32_t> top1(n, 0);
          std::vector<std::uint8_t> passing(n);
          for (std::size_t m = 0; m < n; ++m) {
            passing[m] = get_bit(masks.data() + m * search.n_words(), 112 * 224 + 112);
          }
          search.tell(in(top1), in(std::vector<double>(n, 0.5)), in(passing));
        }
        search.responsibility(0, out(map));
      },
      kPixels);
}

const std::map<std::string, Operation (*)()> kOperations = {
    {"add_masks", credit_of_masks},
    {"backward", backward_sweeps},
    {"box_masks", box_masks},
    {"compose", compose_batch},
    {"decide", decide_scores},
    {"dice", dice_matrix},
    {"hash_masks", hash_of_masks},
    {"hausdorff", hausdorff_matrix},
    {"prefix_masks", ranking_masks},
    {"rank", rank_pixels},
    {"responsibility", sum_responsibility},
    {"rex", rex_rounds},
    {"tile_masks", tile_masks},
};

}  // namespace

// Found by its name: valgrind counts what happens between entering and leaving it.
extern "C" __attribute__((noinline)) void suffice_measured(const std::function<void()>& run) {
  run();
}

int main(int argc, char** argv) {
  if (argc != 2) {
    for (const auto& item : kOperations) std::puts(item.first.c_str());
    return argc == 1 ? 0 : 2;
  }
  const auto found = kOperations.find(argv[1]);
  if (found == kOperations.end()) {
    std::fprintf(stderr, "there is no operation %s\n", argv[1]);
    return 2;
  }
  const Operation operation = found->second();
  suffice_measured(operation.run);
  std::printf("%016llx\n", static_cast<unsigned long long>(operation.sum()));
  return 0;
}
