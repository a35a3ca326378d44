#include <cstdint>

#include "core/cuda/launch.cuh"
#include "ops/regions/regions.h"
#include "ops/regions/regions_kernel.h"

namespace suffice::cuda {

void masks_from_boxes(const std::int32_t* boxes, std::int64_t n_boxes, const std::int64_t* offsets,
                      std::int64_t n_masks, Shape shape, Word* masks, Stream stream) {
  const auto n_pixels = static_cast<std::int64_t>(shape.pixels());
  if (n_masks == 0 || n_pixels == 0) return;
  const BoxesKernel kernel{boxes,
                           n_boxes,
                           offsets,
                           n_masks,
                           static_cast<std::int64_t>(shape.height),
                           static_cast<std::int64_t>(shape.width),
                           to_words(n_pixels),
                           masks};
  launch_threads(kernel, kernel.shape(), stream);
}

void masks_from_labels(const std::int32_t* labels, std::int64_t n_pixels, const Word* choices,
                       std::int64_t n_masks, std::int64_t n_regions, Word* masks, Stream stream) {
  if (n_masks == 0 || n_pixels == 0) return;
  const LabelsKernel kernel{labels,
                            n_pixels,
                            choices,
                            n_masks,
                            n_regions,
                            to_words(n_regions),
                            2 * to_words(n_pixels),
                            reinterpret_cast<std::uint32_t*>(masks)};
  launch_warps(kernel, kernel.shape(), stream);
}

}  // namespace suffice::cuda
