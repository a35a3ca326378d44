// The part of the DLPack 0.x memory layout that is read here (https://dmlc.github.io/dlpack).
// Field order and sizes are a binary interface: don't change them.
#pragma once

#include <cstdint>

namespace suffice::dlpack {

constexpr std::int32_t kCuda = 2;
constexpr std::int32_t kCudaManaged = 13;
constexpr const char* kName = "dltensor";
constexpr const char* kUsedName = "used_dltensor";

enum TypeCode : std::uint8_t { kInt = 0, kUint = 1, kFloat = 2, kBfloat = 4 };

struct Device {
  std::int32_t type;
  std::int32_t id;
};

struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t n_dims;
  DataType type;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null = C-contiguous
  std::uint64_t byte_offset;
};

struct ManagedTensor {
  Tensor tensor;
  void* manager;
  void (*deleter)(ManagedTensor* self);
};

}  // namespace suffice::dlpack
