// What the bindings of the device operations share: element types and checks of arrays. Arrays are
// checked here, values on the device can't be: see the headers of the operations for what becomes
// of values out of range.
#pragma once

#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "bindings/device_array.h"
#include "core/element.h"
#include "core/error.h"
#include "core/packed_mask.h"

namespace suffice {

inline const std::vector<ElementType> kFloat32 = {{'f', 32}};
inline const std::vector<ElementType> kFloat64 = {{'f', 64}};
inline const std::vector<ElementType> kInt32 = {{'i', 32}};
inline const std::vector<ElementType> kInt64 = {{'i', 64}};
inline const std::vector<ElementType> kWords = {{'u', 64}, {'i', 64}};  // int64 holds the same bits
inline const std::vector<ElementType> kReals = {{'f', 32}, {'f', 16}, {kBfloatKind, 16}};

inline cuda::Stream to_stream(std::intptr_t handle) {
  return reinterpret_cast<cuda::Stream>(handle);
}

// `type` is one of kReals.
inline Element to_element(const ElementType& type) {
  if (type.kind == kBfloatKind) return Element::kBfloat16;
  return type.bits == 16 ? Element::kFloat16 : Element::kFloat32;
}

inline void expect_one_device(std::initializer_list<const DeviceArray*> arrays) {
  for (const DeviceArray* array : arrays) {
    SUFFICE_EXPECT(array->device() == (*arrays.begin())->device(),
                   "expected all arrays on one device, got devices " +
                       std::to_string((*arrays.begin())->device()) + " and " +
                       std::to_string(array->device()));
  }
}

inline void expect_apart(const DeviceArray& out, std::initializer_list<const DeviceArray*> inputs,
                         const std::string& operation) {
  for (const DeviceArray* input : inputs) {
    SUFFICE_EXPECT(!out.overlaps(*input), operation + ": out overlaps an input");
  }
}

inline std::int64_t n_words(std::int64_t bits) {
  return static_cast<std::int64_t>(words_for(static_cast<std::size_t>(bits)));
}

void bind_device_compose(pybind11::module_& m);
void bind_device_masks(pybind11::module_& m);
void bind_device_sums(pybind11::module_& m);

}  // namespace suffice
