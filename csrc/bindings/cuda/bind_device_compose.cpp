#include <pybind11/stl.h>

#include <optional>

#include "bindings/cuda/arguments.h"
#include "core/cuda/device.h"
#include "ops/compose/compose.h"

namespace py = pybind11;

namespace suffice {

namespace {

using Sides = std::vector<std::int64_t>;

cuda::Layout parse_layout(const std::string& layout) {
  if (layout == "NCHW") return cuda::Layout::kNchw;
  SUFFICE_EXPECT(layout == "NHWC", "compose: expected layout NCHW or NHWC, got " + layout);
  return cuda::Layout::kNhwc;
}

void check_labels(const DeviceArray& labels, const Sides& image, std::int64_t n_subjects,
                  std::int64_t n_regions) {
  Sides one(image.end() - 2, image.end());
  Sides each = one;
  each.insert(each.begin(), n_subjects);
  SUFFICE_EXPECT(labels.shape() == one || labels.shape() == each,
                 "compose: labels are not [height, width] or [subjects, height, width]");
  SUFFICE_EXPECT(n_regions > 0, "compose: labels need n_regions of at least 1");
}

// Sizes from the shapes of image [C, H, W] or [S, C, H, W], labels and masks.
cuda::ComposeSizes sizes_of(const Sides& image, const std::optional<DeviceArray>& labels,
                            std::int64_t n_regions, std::int64_t n_masks) {
  const std::size_t first = image.size() - 3;  // the channels
  cuda::ComposeSizes sizes;
  sizes.subjects = first == 0 ? 1 : image[0];
  sizes.channels = image[first];
  sizes.pixels = image[first + 1] * image[first + 2];
  sizes.masks = n_masks;
  if (labels) {
    check_labels(*labels, image, sizes.subjects, n_regions);
    sizes.label_maps = labels->shape().size() == 2 ? 1 : sizes.subjects;
    sizes.regions = n_regions;
  }
  return sizes;
}

void device_compose(const py::object& image, const py::object& baseline, const py::object& masks,
                    const py::object& out, std::intptr_t stream_handle,
                    const std::optional<py::object>& labels, std::int64_t n_regions,
                    const std::optional<py::object>& rows, const std::string& layout_name) {
  const cuda::Layout layout = parse_layout(layout_name);
  const cuda::Stream stream = to_stream(stream_handle);
  const auto x = DeviceArray::take(image, "image", kFloat32, {3, 4}, false, stream);
  const auto b = DeviceArray::take(baseline, "baseline", kFloat32, {3, 4}, false, stream);
  const auto m = DeviceArray::take(masks, "masks", kWords, {2}, false, stream);
  const auto to = DeviceArray::take(out, "out", kReals, {4}, true, stream);
  expect_one_device({&x, &b, &m, &to});
  std::optional<DeviceArray> map;
  if (labels) map = DeviceArray::take(*labels, "labels", kInt32, {2, 3}, false, stream);
  std::optional<DeviceArray> of_rows;
  if (rows) of_rows = DeviceArray::take(*rows, "rows", kInt32, {1}, false, stream);
  for (const std::optional<DeviceArray>* array : {&map, &of_rows}) {
    if (*array) expect_one_device({&x, &**array});
  }
  const Sides& sides = x.shape();
  SUFFICE_EXPECT(b.shape() == sides, "compose: image and baseline shapes disagree");

  cuda::ComposeInput input;
  input.sizes = sizes_of(sides, map, n_regions, m.shape()[0]);
  const cuda::ComposeSizes& sizes = input.sizes;
  SUFFICE_EXPECT(m.shape()[1] == n_words(map ? n_regions : sizes.pixels),
                 "compose: masks have another number of words");
  SUFFICE_EXPECT(of_rows || sizes.subjects == 1,
                 "compose: images of several subjects need rows, the subject of each mask");
  SUFFICE_EXPECT(!of_rows || of_rows->shape()[0] == sizes.masks,
                 "compose: rows are not one for each mask");
  const Sides planes(sides.end() - 3, sides.end());
  const Sides expected = layout == cuda::Layout::kNchw
                             ? Sides{sizes.masks, planes[0], planes[1], planes[2]}
                             : Sides{sizes.masks, planes[1], planes[2], planes[0]};
  SUFFICE_EXPECT(to.shape() == expected,
                 layout == cuda::Layout::kNchw
                     ? "compose: out is not [masks, channels, height, width]"
                     : "compose: out is not [masks, height, width, channels]");
  expect_apart(to, {&x, &b, &m}, "compose");
  if (map) expect_apart(to, {&*map}, "compose");
  if (of_rows) expect_apart(to, {&*of_rows}, "compose");
  input.image = x.data<float>();
  input.baseline = b.data<float>();
  input.rows = of_rows ? of_rows->data<std::int32_t>() : nullptr;
  input.labels = map ? map->data<std::int32_t>() : nullptr;
  input.bits = m.data<Word>();
  // Safe here and in the other bindings: the arrays' owners are held by this frame, and no Python
  // object is touched until `release` ends. A launch may wait for room in the stream.
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(x.device());
  cuda::compose(input, to_element(to.type()), layout, to.data<void>(), stream);
}

}  // namespace

void bind_device_compose(py::module_& m) {
  m.def("compose", &device_compose, py::arg("image"), py::arg("baseline"), py::arg("masks"),
        py::arg("out"), py::arg("stream") = 0, py::kw_only(), py::arg("labels") = py::none(),
        py::arg("n_regions") = 0, py::arg("rows") = py::none(), py::arg("layout") = "NCHW",
        "image and baseline float32 [C, H, W], masks packed [M, words] -> out [M, C, H, W], or "
        "[M, H, W, C] for layout NHWC, of float32, float16 or bfloat16. With labels int32 [H, W], "
        "masks are choices of regions [M, ceil(n_regions/64)]. Of several subjects: image and "
        "baseline [S, C, H, W], rows int32 [M] the subject of each mask, labels one map or "
        "[S, H, W]");
}

}  // namespace suffice
