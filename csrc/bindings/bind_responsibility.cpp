#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "ops/responsibility/responsibility.h"

namespace py = pybind11;

namespace suffice {

namespace {

Array<std::int64_t> accumulate_boxes(const Array<std::int32_t>& boxes,
                                     const Array<std::int64_t>& values, py::ssize_t height,
                                     py::ssize_t width) {
  const Shape shape = to_shape(height, width);
  auto sums = make_array<std::int64_t>({height, width});
  const auto boxes_in = in(boxes);
  const auto values_in = in(values);
  const auto to = out(sums);
  // Safe: the spans' owners are held by this frame, and no Python object is touched below.
  py::gil_scoped_release release;
  accumulate(boxes_in, values_in, shape, to);
  return sums;
}

void add_weighted_masks(const Array<std::uint64_t>& masks, const Array<double>& weights,
                        Array<double>& sums) {
  const auto masks_in = in(masks);
  const auto weights_in = in(weights);
  const auto to = out(sums);
  // Safe: the spans' owners are held by the caller's frame, and no Python object is touched below.
  py::gil_scoped_release release;
  add_masks(masks_in, weights_in, to);
}

}  // namespace

void bind_responsibility(py::module_& m) {
  m.def("accumulate", &accumulate_boxes, py::arg("boxes").noconvert(),
        py::arg("values").noconvert(), py::arg("height"), py::arg("width"),
        "boxes int32 [N, 4], values int64 [N] -> sums int64 [H, W]");
  m.def("add_masks", &add_weighted_masks, py::arg("masks").noconvert(),
        py::arg("weights").noconvert(), py::arg("sums").noconvert(),
        "masks packed [N, words], weights float64 [N], added to sums float64 [H, W]");
}

}  // namespace suffice
