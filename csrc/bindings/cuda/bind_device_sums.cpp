#include "bindings/cuda/arguments.h"
#include "bindings/output_kind.h"
#include "core/cuda/device.h"
#include "ops/responsibility/responsibility.h"
#include "ops/scores/scores.h"

namespace py = pybind11;

namespace suffice {

namespace {

void device_accumulate(const py::object& boxes, const py::object& values, const py::object& out,
                       std::intptr_t stream_handle) {
  const cuda::Stream stream = to_stream(stream_handle);
  const auto b = DeviceArray::take(boxes, "boxes", kInt32, {2}, false, stream);
  const auto v = DeviceArray::take(values, "values", kInt64, {1}, false, stream);
  const auto to = DeviceArray::take(out, "out", kInt64, {2}, true, stream);
  expect_one_device({&b, &v, &to});
  SUFFICE_EXPECT(b.shape()[1] == 4 && v.shape()[0] == b.shape()[0],
                 "accumulate: boxes are not [N, 4] with one value each");
  const Shape shape{static_cast<std::size_t>(to.shape()[0]),
                    static_cast<std::size_t>(to.shape()[1])};
  expect_apart(to, {&b, &v}, "accumulate");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(b.device());
  cuda::accumulate(b.data<std::int32_t>(), v.data<std::int64_t>(), b.shape()[0], shape,
                   to.data<std::int64_t>(), stream);
}

void device_decide(const py::object& scores, const py::object& targets,
                   const std::string& output_kind, const py::object& out,
                   std::intptr_t stream_handle) {
  const OutputKind kind = parse_kind(output_kind);
  const cuda::Stream stream = to_stream(stream_handle);
  const auto z = DeviceArray::take(scores, "scores", kReals, {2}, false, stream);
  const auto t = DeviceArray::take(targets, "targets", kInt32, {1}, false, stream);
  const auto to = DeviceArray::take(out, "out", kFloat64, {2}, true, stream);
  expect_one_device({&z, &t, &to});
  SUFFICE_EXPECT(t.shape()[0] == z.shape()[0], "decide: scores and targets sizes disagree");
  SUFFICE_EXPECT(to.shape()[0] == z.shape()[0] && to.shape()[1] == cuda::kDecisionColumns,
                 "decide: out is not [rows, 8]");
  expect_apart(to, {&z, &t}, "decide");
  py::gil_scoped_release release;
  const cuda::DeviceGuard guard(z.device());
  cuda::decide(z.data<void>(), to_element(z.type()), z.shape()[0], z.shape()[1],
               t.data<std::int32_t>(), kind, to.data<double>(), stream);
}

}  // namespace

void bind_device_sums(py::module_& m) {
  m.def("accumulate", &device_accumulate, py::arg("boxes"), py::arg("values"), py::arg("out"),
        py::arg("stream") = 0, "boxes int32 [N, 4], values int64 [N] -> out int64 [H, W]");
  m.def("decide", &device_decide, py::arg("scores"), py::arg("targets"), py::arg("output_kind"),
        py::arg("out"), py::arg("stream") = 0,
        "scores [N, K] of float32, float16 or bfloat16, targets int32 [N] -> out float64 [N, 8]; "
        "suffice._native.decisions reads its columns");
}

}  // namespace suffice
