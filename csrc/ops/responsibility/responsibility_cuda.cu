#include <cstdint>

#include "core/cuda/launch.cuh"
#include "ops/responsibility/responsibility.h"
#include "ops/responsibility/responsibility_kernel.h"

namespace suffice::cuda {

void accumulate(const std::int32_t* boxes, const std::int64_t* values, std::int64_t n_boxes,
                Shape shape, std::int64_t* out, Stream stream) {
  if (shape.pixels() == 0) return;
  SUFFICE_CUDA_CHECK(cudaMemsetAsync(out, 0, shape.pixels() * sizeof(std::int64_t), stream));
  if (n_boxes == 0) return;
  const auto height = static_cast<std::int64_t>(shape.height);
  const auto width = static_cast<std::int64_t>(shape.width);
  auto* const sums = reinterpret_cast<Sum*>(out);
  const CornersKernel corners{boxes, values, n_boxes, height, width, sums};
  launch_threads(corners, corners.shape(), stream);
  const RowSumsKernel along_rows{height, width, sums};
  launch_warps(along_rows, along_rows.shape(), stream);
  const ColumnSumsKernel down_columns{height, width, sums};
  launch_threads(down_columns, down_columns.shape(), stream);
}

}  // namespace suffice::cuda
