#include <cstdint>

#include "core/cuda/launch.cuh"
#include "ops/leave_one_out/leave_one_out.h"
#include "ops/leave_one_out/leave_one_out_kernel.h"

namespace suffice::cuda {

void leave_one_out(const Word* mask, std::int64_t n_words, const std::int32_t* pixels,
                   std::int64_t n_masks, Word* masks, Stream stream) {
  if (n_masks == 0 || n_words == 0) return;
  const LeaveOneOutKernel kernel{mask, n_words, pixels, n_masks, masks};
  launch_threads(kernel, kernel.shape(), stream);
}

}  // namespace suffice::cuda
