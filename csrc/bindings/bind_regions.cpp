#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "ops/regions/regions.h"

namespace py = pybind11;

namespace suffice {

namespace {

Array<std::uint64_t> boxes_to_masks(const Array<std::int32_t>& boxes,
                                    const Array<std::int64_t>& offsets, py::ssize_t height,
                                    py::ssize_t width) {
  const Shape shape = to_shape(height, width);
  auto masks = make_array<std::uint64_t>({offsets.size() - 1, to_ssize(words_for(shape.pixels()))});
  const auto boxes_in = in(boxes);
  const auto offsets_in = in(offsets);
  const auto to = out(masks);
  // Safe here and below: the spans' owners are held by this frame, and no Python object is touched
  // until `release` ends.
  py::gil_scoped_release release;
  masks_from_boxes(boxes_in, offsets_in, shape, to);
  return masks;
}

Array<std::uint64_t> labels_to_masks(const Array<std::int32_t>& labels,
                                     const Array<std::uint64_t>& choices, py::ssize_t n_regions) {
  const auto labels_in = in(labels);
  const auto choices_in = in(choices);
  const std::size_t regions = to_size(n_regions);
  auto masks = make_array<std::uint64_t>({choices.shape(0), to_ssize(words_for(labels_in.size()))});
  const auto to = out(masks);
  py::gil_scoped_release release;
  masks_from_labels(labels_in, choices_in, regions, to);
  return masks;
}

Array<std::int32_t> tiles(py::ssize_t height, py::ssize_t width, py::ssize_t grain) {
  const Shape shape = to_shape(height, width);
  const std::size_t side = to_size(grain);
  auto labels = make_array<std::int32_t>({height, width});
  const auto to = out(labels);
  py::gil_scoped_release release;
  tile_labels(shape, side, to);
  return labels;
}

Array<std::int32_t> grid(py::ssize_t height, py::ssize_t width, py::ssize_t rows,
                         py::ssize_t cols) {
  const Shape shape = to_shape(height, width);
  const Shape cells = to_shape(rows, cols);
  auto labels = make_array<std::int32_t>({height, width});
  const auto to = out(labels);
  py::gil_scoped_release release;
  grid_labels(shape, cells.height, cells.width, to);
  return labels;
}

}  // namespace

void bind_regions(py::module_& m) {
  m.def("masks_from_boxes", &boxes_to_masks, py::arg("boxes").noconvert(),
        py::arg("offsets").noconvert(), py::arg("height"), py::arg("width"),
        "boxes int32 [N, 4], offsets int64 [M + 1] -> packed uint64 [M, words]");
  m.def("masks_from_labels", &labels_to_masks, py::arg("labels").noconvert(),
        py::arg("choices").noconvert(), py::arg("n_regions"),
        "labels int32 [H, W], choices uint64 [M, ceil(R/64)] -> packed uint64 [M, words]");
  m.def("tile_labels", &tiles, py::arg("height"), py::arg("width"), py::arg("grain"),
        "labels int32 [H, W] of grain x grain tiles");
  m.def("grid_labels", &grid, py::arg("height"), py::arg("width"), py::arg("rows"), py::arg("cols"),
        "labels int32 [H, W] of a rows x cols grid");
}

}  // namespace suffice
