#include <cstdint>
#include <string>

#include "core/cuda/launch.cuh"
#include "core/error.h"
#include "ops/compose/compose.h"
#include "ops/compose/compose_kernel.h"

namespace suffice::cuda {

namespace {

template <class Type, Layout kLayout>
void launch(const ComposeInput& input, void* out, Stream stream) {
  using Bits = typename Type::Bits;
  SUFFICE_EXPECT(reinterpret_cast<std::uintptr_t>(out) % sizeof(Bits) == 0,
                 "compose: out is not aligned to its elements");
  const auto kernel = make_compose_kernel<Type, kLayout>(
      input, reinterpret_cast<const std::uint32_t*>(input.image),
      reinterpret_cast<const std::uint32_t*>(input.baseline), static_cast<Bits*>(out));
  launch_threads(kernel, kernel.shape(), stream);
}

template <class Type>
void launch(const ComposeInput& input, Layout layout, void* out, Stream stream) {
  if (layout == Layout::kNchw) return launch<Type, Layout::kNchw>(input, out, stream);
  launch<Type, Layout::kNhwc>(input, out, stream);
}

}  // namespace

void compose(const ComposeInput& input, Element element, Layout layout, void* out, Stream stream) {
  const ComposeSizes& sizes = input.sizes;
  if (sizes.channels == 0 || sizes.pixels == 0 || sizes.masks == 0) return;
  SUFFICE_EXPECT(sizes.subjects > 0, "compose: no subject");
  SUFFICE_EXPECT(
      input.labels == nullptr ||
          (sizes.regions > 0 && (sizes.label_maps == 1 || sizes.label_maps == sizes.subjects)),
      "compose: labels need regions, and one map or one for each of " +
          std::to_string(sizes.subjects) + " subjects");
  switch (element) {
    case Element::kFloat32:
      return launch<Float32>(input, layout, out, stream);
    case Element::kFloat16:
      return launch<Float16>(input, layout, out, stream);
    case Element::kBfloat16:
      return launch<Bfloat16>(input, layout, out, stream);
  }
}

}  // namespace suffice::cuda
