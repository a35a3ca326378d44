#include "bindings/cuda/arguments.h"
#include "core/cuda/device.h"
#include "ops/leave_one_out/leave_one_out.h"
#include "ops/ranking/ranking.h"
#include "ops/regions/regions.h"

namespace py = pybind11;

namespace suffice {

namespace {

void device_masks_from_boxes(const py::object& boxes, const py::object& offsets,
                             std::int64_t height, std::int64_t width, const py::object& out,
                             std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto b = DeviceArray::take(boxes, "boxes", kInt32, {2}, false, stream);
  const auto o = DeviceArray::take(offsets, "offsets", kInt64, {1}, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, {2}, true, stream);
  expect_one_device({&b, &o, &to});
  SUFFICE_EXPECT(height > 0 && width > 0, "masks_from_boxes: the image has no pixels");
  SUFFICE_EXPECT(b.shape()[1] == 4, "masks_from_boxes: boxes are not [N, 4]");
  SUFFICE_EXPECT(to.shape()[0] + 1 == o.shape()[0] && to.shape()[1] == n_words(height * width),
                 "masks_from_boxes: out is not [masks, words]");
  const Shape shape{static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
  expect_apart(to, {&b, &o}, "masks_from_boxes");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(b.device());
  cuda::masks_from_boxes(b.data<std::int32_t>(), b.shape()[0], o.data<std::int64_t>(),
                         to.shape()[0], shape, to.data<Word>(), stream);
}

void device_masks_from_labels(const py::object& labels, const py::object& choices,
                              std::int64_t n_regions, const py::object& out,
                              std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto l = DeviceArray::take(labels, "labels", kInt32, {2}, false, stream);
  const auto c = DeviceArray::take(choices, "choices", kWords, {2}, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, {2}, true, stream);
  expect_one_device({&l, &c, &to});
  const std::int64_t n_pixels = l.shape()[0] * l.shape()[1];
  SUFFICE_EXPECT(n_regions > 0 && c.shape()[1] == n_words(n_regions),
                 "masks_from_labels: choices have another number of words");
  SUFFICE_EXPECT(to.shape()[0] == c.shape()[0] && to.shape()[1] == n_words(n_pixels),
                 "masks_from_labels: out is not [masks, words]");
  expect_apart(to, {&l, &c}, "masks_from_labels");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(l.device());
  cuda::masks_from_labels(l.data<std::int32_t>(), n_pixels, c.data<Word>(), c.shape()[0], n_regions,
                          to.data<Word>(), stream);
}

void device_prefix_masks(const py::object& order, const py::object& lengths, std::int64_t n_pixels,
                         const py::object& out, std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto o = DeviceArray::take(order, "order", kInt32, {1}, false, stream);
  const auto l = DeviceArray::take(lengths, "lengths", kInt64, {1}, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, {2}, true, stream);
  expect_one_device({&o, &l, &to});
  SUFFICE_EXPECT(n_pixels > 0, "prefix_masks: the image has no pixels");
  SUFFICE_EXPECT(to.shape()[0] == l.shape()[0] && to.shape()[1] == n_words(n_pixels),
                 "prefix_masks: out is not [masks, words]");
  expect_apart(to, {&o, &l}, "prefix_masks");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(o.device());
  cuda::prefix_masks(o.data<std::int32_t>(), o.shape()[0], l.data<std::int64_t>(), l.shape()[0],
                     n_pixels, to.data<Word>(), stream);
}

void device_leave_one_out(const py::object& mask, const py::object& pixels, const py::object& out,
                          std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto m = DeviceArray::take(mask, "mask", kWords, {1}, false, stream);
  const auto p = DeviceArray::take(pixels, "pixels", kInt32, {1}, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, {2}, true, stream);
  expect_one_device({&m, &p, &to});
  SUFFICE_EXPECT(to.shape()[0] == p.shape()[0] && to.shape()[1] == m.shape()[0],
                 "leave_one_out: out is not [masks, words]");
  expect_apart(to, {&m, &p}, "leave_one_out");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(m.device());
  cuda::leave_one_out(m.data<Word>(), m.shape()[0], p.data<std::int32_t>(), p.shape()[0],
                      to.data<Word>(), stream);
}

}  // namespace

void bind_device_masks(py::module_& m) {
  m.def("masks_from_boxes", &device_masks_from_boxes, py::arg("boxes"), py::arg("offsets"),
        py::arg("height"), py::arg("width"), py::arg("out"), py::arg("stream") = 0,
        "boxes int32 [N, 4], offsets int64 [M + 1] -> out packed [M, words]");
  m.def("masks_from_labels", &device_masks_from_labels, py::arg("labels"), py::arg("choices"),
        py::arg("n_regions"), py::arg("out"), py::arg("stream") = 0,
        "labels int32 [H, W], choices uint64 [M, ceil(R/64)] -> out packed [M, words]");
  m.def("prefix_masks", &device_prefix_masks, py::arg("order"), py::arg("lengths"),
        py::arg("n_pixels"), py::arg("out"), py::arg("stream") = 0,
        "order int32 [L], lengths int64 [M] -> out packed [M, words]: the first pixels of the "
        "order");
  m.def("leave_one_out", &device_leave_one_out, py::arg("mask"), py::arg("pixels"), py::arg("out"),
        py::arg("stream") = 0,
        "mask packed [words], pixels int32 [M] -> out packed [M, words]: the mask without one "
        "pixel each");
}

}  // namespace suffice
