#include <cstdint>

#include "core/cuda/check.cuh"
#include "core/cuda/launch.cuh"
#include "ops/compose/compose.h"

namespace suffice::cuda {

namespace {

// Values travel as integers, which no instruction rounds or quietens.
template <int kVector>
struct alignas(4 * kVector) Bits {
  std::uint32_t lane[kVector];
};

// A thread keeps kVector neighbouring pixels of one channel of image and baseline in registers and
// writes them for every mask: the inner loop is one mask word (shared by its neighbours, so from
// the cache) and one store. kVector divides 64 and n_pixels, so pixels of a thread share a word.
//   x: pixels, y: channels, z: masks, each in grid strides
template <int kVector>
__global__ void compose_kernel(const Bits<kVector>* image, const Bits<kVector>* baseline,
                               std::int64_t n_channels, std::int64_t n_vectors, const Word* masks,
                               std::int64_t n_words, std::int64_t n_masks, Bits<kVector>* out) {
  const std::int64_t x_stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t c = blockIdx.y; c < n_channels; c += gridDim.y) {
    for (std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
         v < n_vectors; v += x_stride) {
      const Bits<kVector> kept = image[c * n_vectors + v];
      const Bits<kVector> removed = baseline[c * n_vectors + v];
      const std::int64_t first_pixel = v * kVector;
      const std::int64_t word = first_pixel / 64;
      const int shift = static_cast<int>(first_pixel % 64);
      for (std::int64_t m = blockIdx.z; m < n_masks; m += gridDim.z) {
        const Word bits = masks[m * n_words + word] >> shift;
        Bits<kVector> value;
#pragma unroll
        for (int lane = 0; lane < kVector; ++lane) {
          value.lane[lane] = (bits >> lane & 1U) != 0 ? kept.lane[lane] : removed.lane[lane];
        }
        out[(m * n_channels + c) * n_vectors + v] = value;
      }
    }
  }
}

template <int kVector>
void launch(const float* image, const float* baseline, std::int64_t n_channels,
            std::int64_t n_pixels, const Word* masks, std::int64_t n_masks, float* out,
            Stream stream) {
  const std::int64_t n_vectors = n_pixels / kVector;
  const unsigned x = blocks_for(n_vectors, kThreads, kManyBlocks);
  const unsigned y = blocks_for(n_channels, 1, kMaxGridSide);
  // No more blocks along the masks than fill the device: each of them reads the image once more.
  constexpr std::int64_t kEnoughBlocks = 2048;
  const std::int64_t planes = static_cast<std::int64_t>(x) * y;
  const unsigned z = blocks_for(n_masks, 1, (kEnoughBlocks + planes - 1) / planes);
  const auto n_words = static_cast<std::int64_t>(words_for(static_cast<std::size_t>(n_pixels)));
  compose_kernel<kVector><<<dim3(x, y, z), kThreads, 0, stream>>>(
      reinterpret_cast<const Bits<kVector>*>(image),
      reinterpret_cast<const Bits<kVector>*>(baseline), n_channels, n_vectors, masks, n_words,
      n_masks, reinterpret_cast<Bits<kVector>*>(out));
  SUFFICE_CUDA_CHECK(cudaGetLastError());
}

bool is_aligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

}  // namespace

void compose(const float* image, const float* baseline, std::int64_t n_channels,
             std::int64_t n_pixels, const Word* masks, std::int64_t n_masks, float* out,
             Stream stream) {
  if (n_channels == 0 || n_pixels == 0 || n_masks == 0) return;
  const bool fits_four =
      n_pixels % 4 == 0 && is_aligned(image, 16) && is_aligned(baseline, 16) && is_aligned(out, 16);
  const auto run = fits_four ? &launch<4> : &launch<1>;
  run(image, baseline, n_channels, n_pixels, masks, n_masks, out, stream);
}

}  // namespace suffice::cuda
