// Device arrays of other libraries: taken by __dlpack__ (preferred: the producer orders its work
// before ours) or __cuda_array_interface__, whose `stream` is waited for. Nothing is copied.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/cuda_stream.h"

namespace suffice {

// Kind of bfloat16, for which NumPy's type strings have none.
constexpr char kBfloatKind = 'B';

// Kind and bits of an element; kind is 'f', 'i' or 'u' as in NumPy's type strings, or kBfloatKind.
struct ElementType {
  char kind = '?';
  int bits = 0;

  std::string name() const;
  bool operator==(const ElementType& other) const {
    return kind == other.kind && bits == other.bits;
  }
};

// Memory on one device, C-contiguous. Keeps its producer's object alive.
class DeviceArray {
 public:
  // Orders the producer's work before what `stream` does next. Throws TypeError when `source` is
  // no CUDA array or has none of the `accepted` element types, ValueError when it has none of
  // the numbers of dimensions, isn't C-contiguous or is read-only although `writeable` is asked.
  // `name` is the argument's, for messages.
  static DeviceArray take(const pybind11::object& source, const char* name,
                          const std::vector<ElementType>& accepted,
                          const std::vector<std::size_t>& n_dims, bool writeable,
                          cuda::Stream stream);

  template <class T>
  T* data() const {
    return static_cast<T*>(data_);
  }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  const ElementType& type() const { return type_; }
  int device() const { return device_; }
  bool overlaps(const DeviceArray& other) const;

 private:
  static DeviceArray from_dlpack(const pybind11::object& source, const char* name,
                                 cuda::Stream stream);
  static DeviceArray from_cuda_array_interface(const pybind11::object& source, const char* name,
                                               cuda::Stream stream);
  std::int64_t bytes() const;

  void* data_ = nullptr;
  std::vector<std::int64_t> shape_;
  std::vector<std::int64_t> strides_;  // in elements; empty = C-contiguous
  ElementType type_;
  bool read_only_ = false;
  int device_ = 0;
  pybind11::object owner_;
};

}  // namespace suffice
