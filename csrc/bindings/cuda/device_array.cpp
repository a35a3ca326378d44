#include "bindings/device_array.h"

#include <cuda_runtime_api.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <functional>

#include "bindings/cuda/dlpack.h"
#include "core/cuda/check.cuh"
#include "core/cuda/device.h"

namespace py = pybind11;

namespace suffice {

namespace {

std::string type_name(const py::object& value) {
  return py::str(py::type::of(value).attr("__qualname__"));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

bool is_c_contiguous(const std::vector<std::int64_t>& shape,
                     const std::vector<std::int64_t>& strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0 && !strides.empty();) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

// Both protocols number the two default streams 1 and 2; other numbers are handles. CUDA's own
// name of the first is 0, which both protocols refuse as ambiguous.
std::intptr_t to_protocol(cuda::Stream stream) {
  const auto handle = reinterpret_cast<std::intptr_t>(stream);
  return handle == 0 ? 1 : handle;
}

cuda::Stream from_protocol(std::intptr_t number) {
  return reinterpret_cast<cuda::Stream>(number);  // CUDA reads the handles 1 and 2 the same way
}

ElementType type_of(dlpack::DataType type) {
  if (type.lanes != 1) return {};
  switch (type.code) {
    case dlpack::kInt:
      return {'i', type.bits};
    case dlpack::kUint:
      return {'u', type.bits};
    case dlpack::kFloat:
      return {'f', type.bits};
    case dlpack::kBfloat:
      return {kBfloatKind, type.bits};
    default:
      return {};
  }
}

// "<f4" and the like; '|' marks types of one byte.
ElementType type_of(const std::string& typestr) {
  if (typestr.size() != 3 || (typestr[0] != '<' && typestr[0] != '|')) return {};
  return {typestr[1], (typestr[2] - '0') * 8};
}

std::string text(const ElementType& type) { return type.name(); }

std::string text(std::size_t n) { return std::to_string(n); }

// "a", "a or b", "a or b or c".
template <class T>
std::string one_of(const std::vector<T>& values) {
  std::string joined;
  for (const T& value : values) joined += (joined.empty() ? "" : " or ") + text(value);
  return joined;
}

void free_used_tensor(PyObject* capsule) {
  auto* managed =
      static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule, dlpack::kUsedName));
  if (managed != nullptr && managed->deleter != nullptr) managed->deleter(managed);
}

}  // namespace

std::string ElementType::name() const {
  if (kind == 'f') return "float" + std::to_string(bits);
  if (kind == 'i') return "int" + std::to_string(bits);
  if (kind == 'u') return "uint" + std::to_string(bits);
  if (kind == kBfloatKind) return "bfloat" + std::to_string(bits);
  return "another type";
}

DeviceArray DeviceArray::from_dlpack(const py::object& source, const char* name,
                                     cuda::Stream stream) {
  const auto device = source.attr("__dlpack_device__")().cast<std::pair<int, int>>();
  if (device.first != dlpack::kCuda && device.first != dlpack::kCudaManaged) {
    throw py::type_error(std::string("expected ") + name + " on a CUDA device, got " +
                         type_name(source) + " on DLPack device type " +
                         std::to_string(device.first));
  }
  const cuda::DeviceGuard guard(device.second);
  py::object capsule = source.attr("__dlpack__")(py::arg("stream") = to_protocol(stream));
  auto* managed =
      static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::kName));
  if (managed == nullptr) throw py::error_already_set();
  // From here on the tensor is ours to free, when the capsule goes.
  if (PyCapsule_SetName(capsule.ptr(), dlpack::kUsedName) != 0 ||
      PyCapsule_SetDestructor(capsule.ptr(), &free_used_tensor) != 0) {
    throw py::error_already_set();
  }
  const dlpack::Tensor& tensor = managed->tensor;
  DeviceArray array;
  array.data_ = static_cast<char*>(tensor.data) + tensor.byte_offset;
  array.shape_.assign(tensor.shape, tensor.shape + tensor.n_dims);
  if (tensor.strides != nullptr) {
    array.strides_.assign(tensor.strides, tensor.strides + tensor.n_dims);
  }
  array.type_ = type_of(tensor.type);
  array.device_ = tensor.device.id;
  array.owner_ = std::move(capsule);
  return array;
}

DeviceArray DeviceArray::from_cuda_array_interface(const py::object& source, const char* name,
                                                   cuda::Stream stream) {
  const py::dict interface = source.attr("__cuda_array_interface__");
  DeviceArray array;
  const auto [address, read_only] = interface["data"].cast<std::pair<std::uintptr_t, bool>>();
  array.data_ = reinterpret_cast<void*>(address);
  array.read_only_ = read_only;
  array.shape_ = py::list(interface["shape"]).cast<std::vector<std::int64_t>>();
  array.type_ = type_of(interface["typestr"].cast<std::string>());
  const int item_bytes = std::max(1, array.type_.bits / 8);
  if (interface.contains("strides") && !interface["strides"].is_none()) {
    array.strides_ = py::list(interface["strides"]).cast<std::vector<std::int64_t>>();
    for (std::int64_t& stride : array.strides_) {
      // A stride that is no whole number of elements can't be contiguous: keep it wrong.
      stride = stride % item_bytes == 0 ? stride / item_bytes : -1;
    }
  }
  if (interface.contains("mask") && !interface["mask"].is_none()) {
    throw py::type_error(std::string("expected ") + name + " without a mask");
  }
  if (address != 0) {
    cudaPointerAttributes attributes{};
    SUFFICE_CUDA_CHECK(cudaPointerGetAttributes(&attributes, array.data_));
    array.device_ = attributes.device;
  }
  if (interface.contains("stream") && !interface["stream"].is_none()) {
    const cuda::Stream producer = from_protocol(interface["stream"].cast<std::intptr_t>());
    const cuda::DeviceGuard guard(array.device_);
    if (producer != stream) cuda::wait_for(stream, producer);
  }
  array.owner_ = source;
  return array;
}

DeviceArray DeviceArray::take(const py::object& source, const char* name,
                              const std::vector<ElementType>& accepted,
                              const std::vector<std::size_t>& n_dims, bool writeable,
                              cuda::Stream stream) {
  const bool has_dlpack = py::hasattr(source, "__dlpack__");
  if (!has_dlpack && !py::hasattr(source, "__cuda_array_interface__")) {
    throw py::type_error(std::string("expected ") + name +
                         " as a CUDA array (__dlpack__ or __cuda_array_interface__), got " +
                         type_name(source));
  }
  DeviceArray array = has_dlpack ? from_dlpack(source, name, stream)
                                 : from_cuda_array_interface(source, name, stream);
  if (std::find(accepted.begin(), accepted.end(), array.type_) == accepted.end()) {
    throw py::type_error(std::string("expected ") + name + " as " + one_of(accepted) + ", got " +
                         array.type_.name());
  }
  if (std::find(n_dims.begin(), n_dims.end(), array.shape_.size()) == n_dims.end()) {
    throw py::value_error(std::string("expected ") + name + " with " + one_of(n_dims) +
                          " dimensions, got shape " + shape_text(array.shape_));
  }
  if (!is_c_contiguous(array.shape_, array.strides_)) {
    throw py::value_error(std::string("expected C-contiguous ") + name);
  }
  if (writeable && array.read_only_) {
    throw py::value_error(std::string("expected writeable ") + name);
  }
  return array;
}

std::int64_t DeviceArray::bytes() const {
  std::int64_t n = type_.bits / 8;
  for (const std::int64_t side : shape_) n *= side;
  return n;
}

bool DeviceArray::overlaps(const DeviceArray& other) const {
  const auto* a = static_cast<const char*>(data_);
  const auto* b = static_cast<const char*>(other.data_);
  const std::less<const char*> before;
  return before(a, b + other.bytes()) && before(b, a + bytes());
}

}  // namespace suffice
