// Array types of the boundary: fixed dtype, C-contiguous, never converted silently.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <utility>
#include <vector>

#include "core/shape.h"
#include "core/span.h"

namespace suffice {

template <class T>
using Array = pybind11::array_t<T, pybind11::array::c_style>;

template <class T>
Span<const T> in(const Array<T>& a) {
  return Span<const T>(a.data(), static_cast<std::size_t>(a.size()));
}

template <class T>
Span<T> out(Array<T>& a) {
  return Span<T>(a.mutable_data(), static_cast<std::size_t>(a.size()));
}

inline std::size_t to_size(pybind11::ssize_t n) {
  SUFFICE_EXPECT(n >= 0, "expected a size, got " + std::to_string(n));
  return static_cast<std::size_t>(n);
}

inline Shape to_shape(pybind11::ssize_t height, pybind11::ssize_t width) {
  return Shape{to_size(height), to_size(width)};
}

inline pybind11::ssize_t to_ssize(std::size_t n) { return static_cast<pybind11::ssize_t>(n); }

template <class T>
Array<T> make_array(std::vector<pybind11::ssize_t> shape) {
  return Array<T>(std::move(shape));
}

}  // namespace suffice
