#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/cuda/arguments.h"
#include "core/cuda/device.h"

namespace py = pybind11;

namespace {

std::optional<std::string> why_unavailable() {
  std::string reason = suffice::cuda::why_unavailable();
  if (reason.empty()) return std::nullopt;
  return reason;
}

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  m.doc() =
      "CUDA versions of the operations. Use it through suffice._native.cuda(). Arrays are device "
      "arrays (__dlpack__ or __cuda_array_interface__), C-contiguous and on one device; work is "
      "queued on `stream`, a CUDA stream handle (0 = default stream), and not waited for: the "
      "caller keeps the arrays alive until the stream has passed.";
  m.def("device_count", &suffice::cuda::device_count, "Number of devices; 0 where CUDA can't run");
  m.def("why_unavailable", &why_unavailable, "None where CUDA can run, otherwise why it can't");
  suffice::bind_device_compose(m);
  suffice::bind_device_masks(m);
  suffice::bind_device_sums(m);
}
