// Device versions of the operations. Arrays are checked here, values on the device can't be: see
// the headers of the operations for what becomes of values out of range.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/device_array.h"
#include "core/cuda/device.h"
#include "core/error.h"
#include "core/packed_mask.h"
#include "ops/compose/compose.h"
#include "ops/regions/regions.h"
#include "ops/responsibility/responsibility.h"

namespace py = pybind11;

namespace suffice {

namespace {

const std::vector<ElementType> kFloat32 = {{'f', 32}};
const std::vector<ElementType> kInt32 = {{'i', 32}};
const std::vector<ElementType> kInt64 = {{'i', 64}};
const std::vector<ElementType> kWords = {{'u', 64}, {'i', 64}};  // int64 holds the same bits

cuda::Stream to_stream(std::intptr_t handle) { return reinterpret_cast<cuda::Stream>(handle); }

void expect_one_device(std::initializer_list<const DeviceArray*> arrays) {
  for (const DeviceArray* array : arrays) {
    SUFFICE_EXPECT(array->device() == (*arrays.begin())->device(),
                   "expected all arrays on one device, got devices " +
                       std::to_string((*arrays.begin())->device()) + " and " +
                       std::to_string(array->device()));
  }
}

std::int64_t n_words(std::int64_t bits) {
  return static_cast<std::int64_t>(words_for(static_cast<std::size_t>(bits)));
}

void device_compose(const py::object& image, const py::object& baseline, const py::object& masks,
                    const py::object& out, std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto x = DeviceArray::take(image, "image", kFloat32, 3, false, stream);
  const auto b = DeviceArray::take(baseline, "baseline", kFloat32, 3, false, stream);
  const auto m = DeviceArray::take(masks, "masks", kWords, 2, false, stream);
  const auto to = DeviceArray::take(out, "out", kFloat32, 4, true, stream);
  expect_one_device({&x, &b, &m, &to});
  const std::int64_t n_pixels = x.shape()[1] * x.shape()[2];
  const std::int64_t n_masks = m.shape()[0];
  SUFFICE_EXPECT(b.shape() == x.shape(), "compose: image and baseline shapes disagree");
  SUFFICE_EXPECT(m.shape()[1] == n_words(n_pixels), "compose: masks have another number of words");
  SUFFICE_EXPECT(
      to.shape() == (std::vector<std::int64_t>{n_masks, x.shape()[0], x.shape()[1], x.shape()[2]}),
      "compose: out is not [masks, channels, height, width]");
  SUFFICE_EXPECT(!to.overlaps(x) && !to.overlaps(b) && !to.overlaps(m),
                 "compose: out overlaps an input");
  // Safe here and below: the arrays' owners are held by this frame, and no Python object is touched
  // until `release` ends. A launch may wait for room in the stream.
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(x.device());
  cuda::compose(x.data<float>(), b.data<float>(), x.shape()[0], n_pixels, m.data<Word>(), n_masks,
                to.data<float>(), stream);
}

void device_masks_from_boxes(const py::object& boxes, const py::object& offsets,
                             std::int64_t height, std::int64_t width, const py::object& out,
                             std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto b = DeviceArray::take(boxes, "boxes", kInt32, 2, false, stream);
  const auto o = DeviceArray::take(offsets, "offsets", kInt64, 1, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, 2, true, stream);
  expect_one_device({&b, &o, &to});
  SUFFICE_EXPECT(height > 0 && width > 0, "masks_from_boxes: the image has no pixels");
  SUFFICE_EXPECT(b.shape()[1] == 4, "masks_from_boxes: boxes are not [N, 4]");
  SUFFICE_EXPECT(to.shape()[0] + 1 == o.shape()[0] && to.shape()[1] == n_words(height * width),
                 "masks_from_boxes: out is not [masks, words]");
  const Shape shape{static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(b.device());
  cuda::masks_from_boxes(b.data<std::int32_t>(), b.shape()[0], o.data<std::int64_t>(),
                         to.shape()[0], shape, to.data<Word>(), stream);
}

void device_masks_from_labels(const py::object& labels, const py::object& choices,
                              std::int64_t n_regions, const py::object& out,
                              std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto l = DeviceArray::take(labels, "labels", kInt32, 2, false, stream);
  const auto c = DeviceArray::take(choices, "choices", kWords, 2, false, stream);
  const auto to = DeviceArray::take(out, "out", kWords, 2, true, stream);
  expect_one_device({&l, &c, &to});
  const std::int64_t n_pixels = l.shape()[0] * l.shape()[1];
  SUFFICE_EXPECT(n_regions > 0 && c.shape()[1] == n_words(n_regions),
                 "masks_from_labels: choices have another number of words");
  SUFFICE_EXPECT(to.shape()[0] == c.shape()[0] && to.shape()[1] == n_words(n_pixels),
                 "masks_from_labels: out is not [masks, words]");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(l.device());
  cuda::masks_from_labels(l.data<std::int32_t>(), n_pixels, c.data<Word>(), c.shape()[0], n_regions,
                          to.data<Word>(), stream);
}

void device_accumulate(const py::object& boxes, const py::object& values, const py::object& out,
                       std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto b = DeviceArray::take(boxes, "boxes", kInt32, 2, false, stream);
  const auto v = DeviceArray::take(values, "values", kInt64, 1, false, stream);
  const auto to = DeviceArray::take(out, "out", kInt64, 2, true, stream);
  expect_one_device({&b, &v, &to});
  SUFFICE_EXPECT(b.shape()[1] == 4 && v.shape()[0] == b.shape()[0],
                 "accumulate: boxes are not [N, 4] with one value each");
  const Shape shape{static_cast<std::size_t>(to.shape()[0]),
                    static_cast<std::size_t>(to.shape()[1])};
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(b.device());
  cuda::accumulate(b.data<std::int32_t>(), v.data<std::int64_t>(), b.shape()[0], shape,
                   to.data<std::int64_t>(), stream);
}

std::optional<std::string> why_unavailable() {
  std::string reason = cuda::why_unavailable();
  if (reason.empty()) return std::nullopt;
  return reason;
}

}  // namespace

}  // namespace suffice

PYBIND11_MODULE(_cuda, m) {
  m.doc() =
      "CUDA versions of the operations. Use it through suffice._native.cuda(). Arrays are device "
      "arrays (__dlpack__ or __cuda_array_interface__), C-contiguous and on one device; work is "
      "queued on `stream`, a CUDA stream handle (0 = default stream), and not waited for: the "
      "caller keeps the arrays alive until the stream has passed.";
  m.def("device_count", &suffice::cuda::device_count, "Number of devices; 0 where CUDA can't run");
  m.def("why_unavailable", &suffice::why_unavailable,
        "None where CUDA can run, otherwise why it can't");
  m.def(
      "compose", &suffice::device_compose, py::arg("image"), py::arg("baseline"), py::arg("masks"),
      py::arg("out"), py::arg("stream") = 0,
      "image and baseline float32 [C, H, W], masks packed [M, words] -> out float32 [M, C, H, W]");
  m.def("masks_from_boxes", &suffice::device_masks_from_boxes, py::arg("boxes"), py::arg("offsets"),
        py::arg("height"), py::arg("width"), py::arg("out"), py::arg("stream") = 0,
        "boxes int32 [N, 4], offsets int64 [M + 1] -> out packed [M, words]");
  m.def("masks_from_labels", &suffice::device_masks_from_labels, py::arg("labels"),
        py::arg("choices"), py::arg("n_regions"), py::arg("out"), py::arg("stream") = 0,
        "labels int32 [H, W], choices uint64 [M, ceil(R/64)] -> out packed [M, words]");
  m.def("accumulate", &suffice::device_accumulate, py::arg("boxes"), py::arg("values"),
        py::arg("out"), py::arg("stream") = 0,
        "boxes int32 [N, 4], values int64 [N] -> out int64 [H, W]");
}
