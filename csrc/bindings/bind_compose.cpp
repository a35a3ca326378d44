#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "ops/compose/compose.h"

namespace py = pybind11;

namespace suffice {

namespace {

void compose_into(const Array<float>& image, const Array<float>& baseline,
                  const Array<std::uint64_t>& masks, Array<float>& composites,
                  py::ssize_t threads) {
  const auto image_in = in(image);
  const auto baseline_in = in(baseline);
  const auto masks_in = in(masks);
  const auto to = out(composites);
  const auto n_channels = static_cast<std::size_t>(image.shape(0));
  const std::size_t n_threads = to_size(threads);
  // Safe: the spans' owners are held by the caller's frame, and no Python object is touched below.
  py::gil_scoped_release release;
  compose(image_in, baseline_in, n_channels, masks_in, to, n_threads);
}

}  // namespace

void bind_compose(py::module_& m) {
  m.def(
      "compose", &compose_into, py::arg("image").noconvert(), py::arg("baseline").noconvert(),
      py::arg("masks").noconvert(), py::arg("out").noconvert(), py::arg("threads"),
      "image and baseline float32 [C, H, W], masks packed [M, words] -> out float32 [M, C, H, W]");
}

}  // namespace suffice
