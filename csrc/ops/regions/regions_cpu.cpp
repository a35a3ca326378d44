#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "ops/regions/regions.h"

namespace suffice {

namespace {

// Neighbouring pixels of one region, in row-major order.
struct Run {
  std::size_t label = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Run> runs_of(Span<const std::int32_t> labels) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    if (runs.empty() || runs.back().label != label) runs.push_back({label, i, i});
    runs.back().end = i + 1;
  }
  return runs;
}

bool is_range(std::int32_t begin, std::int32_t end, std::size_t size) {
  return 0 <= begin && begin <= end && static_cast<std::size_t>(end) <= size;
}

void expect_countable(std::size_t n_regions) {
  SUFFICE_EXPECT(n_regions <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
                 "more regions than int32 labels can name");
}

}  // namespace

void check_boxes(Span<const std::int32_t> boxes, Shape shape) {
  SUFFICE_EXPECT(boxes.size() % 4 == 0, "boxes: expected (r0, r1, c0, c1) each");
  for (std::size_t i = 0; i < boxes.size(); i += 4) {
    SUFFICE_EXPECT(is_range(boxes[i], boxes[i + 1], shape.height) &&
                       is_range(boxes[i + 2], boxes[i + 3], shape.width),
                   "boxes: box " + std::to_string(i / 4) + " is (" + std::to_string(boxes[i]) +
                       ", " + std::to_string(boxes[i + 1]) + ", " + std::to_string(boxes[i + 2]) +
                       ", " + std::to_string(boxes[i + 3]) +
                       "); expected half-open r0 <= r1 <= " + std::to_string(shape.height) +
                       " and c0 <= c1 <= " + std::to_string(shape.width));
  }
}

void check_offsets(Span<const std::int64_t> offsets, std::size_t n_boxes) {
  SUFFICE_EXPECT(
      !offsets.empty() && offsets[0] == 0 &&
          offsets[offsets.size() - 1] == static_cast<std::int64_t>(n_boxes),
      "offsets: expected to begin at 0 and end at the number of boxes, " + std::to_string(n_boxes));
  SUFFICE_EXPECT(std::is_sorted(offsets.begin(), offsets.end()), "offsets: expected never to fall");
}

void check_labels(Span<const std::int32_t> labels, std::size_t n_regions) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    SUFFICE_EXPECT(labels[i] >= 0 && static_cast<std::size_t>(labels[i]) < n_regions,
                   "labels: pixel " + std::to_string(i) + " has label " +
                       std::to_string(labels[i]) + ", expected 0.." +
                       std::to_string(static_cast<std::int64_t>(n_regions) - 1));
  }
}

void masks_from_boxes(Span<const std::int32_t> boxes, Span<const std::int64_t> offsets, Shape shape,
                      Span<Word> masks) {
  check_boxes(boxes, shape);
  check_offsets(offsets, boxes.size() / 4);
  const std::size_t n_masks = offsets.size() - 1;
  const std::size_t n_words = words_for(shape.pixels());
  SUFFICE_EXPECT(masks.size() == n_masks * n_words, "masks_from_boxes: masks have another size");
  std::fill(masks.begin(), masks.end(), Word{0});
  for (std::size_t m = 0; m < n_masks; ++m) {
    Word* mask = masks.data() + m * n_words;
    for (auto n = static_cast<std::size_t>(offsets[m]);
         n < static_cast<std::size_t>(offsets[m + 1]); ++n) {
      const auto r0 = static_cast<std::size_t>(boxes[4 * n]);
      const auto r1 = static_cast<std::size_t>(boxes[4 * n + 1]);
      const auto c0 = static_cast<std::size_t>(boxes[4 * n + 2]);
      const auto c1 = static_cast<std::size_t>(boxes[4 * n + 3]);
      for (std::size_t r = r0; r < r1; ++r) {
        set_bit_range(mask, r * shape.width + c0, r * shape.width + c1);
      }
    }
  }
}

void masks_from_labels(Span<const std::int32_t> labels, Span<const Word> choices,
                       std::size_t n_regions, Span<Word> masks) {
  check_labels(labels, n_regions);
  const std::size_t n_words = words_for(labels.size());
  const std::size_t n_choice_words = words_for(n_regions);
  SUFFICE_EXPECT(n_words > 0, "masks_from_labels: the label map has no pixels");
  const std::size_t n_masks = masks.size() / n_words;
  SUFFICE_EXPECT(masks.size() == n_masks * n_words && choices.size() == n_masks * n_choice_words,
                 "masks_from_labels: choices and masks sizes disagree");
  std::fill(masks.begin(), masks.end(), Word{0});
  const std::vector<Run> runs = runs_of(labels);
  for (std::size_t m = 0; m < n_masks; ++m) {
    const Word* chosen = choices.data() + m * n_choice_words;
    Word* mask = masks.data() + m * n_words;
    for (const Run& run : runs) {
      if (get_bit(chosen, run.label)) set_bit_range(mask, run.begin, run.end);
    }
  }
}

void tile_labels(Shape shape, std::size_t grain, Span<std::int32_t> labels) {
  SUFFICE_EXPECT(grain > 0, "tile_labels: grain must be at least 1");
  SUFFICE_EXPECT(labels.size() == shape.pixels(), "tile_labels: labels have another size");
  const std::size_t tiles_across = (shape.width + grain - 1) / grain;
  expect_countable(tiles_across * ((shape.height + grain - 1) / grain));
  for (std::size_t r = 0; r < shape.height; ++r) {
    for (std::size_t c = 0; c < shape.width; ++c) {
      labels[r * shape.width + c] = static_cast<std::int32_t>(r / grain * tiles_across + c / grain);
    }
  }
}

void grid_labels(Shape shape, std::size_t rows, std::size_t cols, Span<std::int32_t> labels) {
  SUFFICE_EXPECT(0 < rows && rows <= shape.height && 0 < cols && cols <= shape.width,
                 "grid_labels: a grid of " + std::to_string(rows) + " x " + std::to_string(cols) +
                     " cells needs at least as many pixels, got " + std::to_string(shape.height) +
                     " x " + std::to_string(shape.width));
  SUFFICE_EXPECT(labels.size() == shape.pixels(), "grid_labels: labels have another size");
  expect_countable(rows * cols);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) {
      const auto label = static_cast<std::int32_t>(i * cols + j);
      const std::size_t c0 = j * shape.width / cols;
      const std::size_t c1 = (j + 1) * shape.width / cols;
      for (std::size_t r = i * shape.height / rows; r < (i + 1) * shape.height / rows; ++r) {
        std::fill(labels.data() + r * shape.width + c0, labels.data() + r * shape.width + c1,
                  label);
      }
    }
  }
}

}  // namespace suffice
