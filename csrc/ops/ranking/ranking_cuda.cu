#include <cstdint>
#include <limits>
#include <string>

#include "core/cuda/device_buffer.cuh"
#include "core/cuda/launch.cuh"
#include "ops/ranking/ranking.h"
#include "ops/ranking/ranking_kernel.h"

namespace suffice::cuda {

void prefix_masks(const std::int32_t* order, std::int64_t order_length, const std::int64_t* lengths,
                  std::int64_t n_masks, std::int64_t n_pixels, Word* masks, Stream stream) {
  if (n_masks == 0 || n_pixels == 0) return;
  SUFFICE_EXPECT(
      order_length <= std::numeric_limits<std::int32_t>::max(),
      "prefix_masks: an order of " + std::to_string(order_length) + " pixels is too long");
  const DeviceBuffer<std::uint32_t> ranks(static_cast<std::size_t>(n_pixels), stream);
  constexpr int kEveryByte = 0xff;  // of kNoRank
  SUFFICE_CUDA_CHECK(
      cudaMemsetAsync(ranks.data(), kEveryByte, ranks.size() * sizeof(std::uint32_t), stream));
  const RanksKernel rank{order, order_length, n_pixels, ranks.data()};
  launch_threads(rank, rank.shape(), stream);
  const PrefixKernel prefix{ranks.data(),
                            n_pixels,
                            lengths,
                            order_length,
                            n_masks,
                            2 * to_words(n_pixels),
                            reinterpret_cast<std::uint32_t*>(masks)};
  launch_warps(prefix, prefix.shape(), stream);
}

}  // namespace suffice::cuda
