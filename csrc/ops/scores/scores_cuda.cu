#include <cstdint>
#include <string>

#include "core/cuda/launch.cuh"
#include "core/error.h"
#include "ops/scores/scores.h"
#include "ops/scores/scores_kernel.h"

namespace suffice::cuda {

namespace {

template <class Type>
void launch(const void* scores, std::int64_t n_rows, std::int64_t n_classes,
            const std::int32_t* targets, OutputKind kind, double* columns, Stream stream) {
  const DecideKernel<Type> kernel{
      static_cast<const typename Type::Bits*>(scores), n_rows, n_classes, targets, kind, columns};
  launch_warps(kernel, kernel.shape(), stream);
}

}  // namespace

void decide(const void* scores, Element element, std::int64_t n_rows, std::int64_t n_classes,
            const std::int32_t* targets, OutputKind kind, double* columns, Stream stream) {
  const std::int64_t least = kind == OutputKind::kMultilabel ? 1 : 2;
  SUFFICE_EXPECT(n_classes >= least, "decide: expected at least " + std::to_string(least) +
                                         " classes, got " + std::to_string(n_classes));
  if (n_rows == 0) return;
  switch (element) {
    case Element::kFloat32:
      return launch<Float32>(scores, n_rows, n_classes, targets, kind, columns, stream);
    case Element::kFloat16:
      return launch<Float16>(scores, n_rows, n_classes, targets, kind, columns, stream);
    case Element::kBfloat16:
      return launch<Bfloat16>(scores, n_rows, n_classes, targets, kind, columns, stream);
  }
}

}  // namespace suffice::cuda
