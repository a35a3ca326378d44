// A pointer with its length: what kernels take instead of Python arrays. It owns nothing.
#pragma once

#include <cstddef>
#include <type_traits>

#include "core/error.h"

namespace suffice {

template <class T>
class Span {
 public:
  Span() = default;
  Span(T* data, std::size_t size) : data_(data), size_(size) {}

  // From a span of what is not const.
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  Span(const Span<U>& other) : data_(other.data()), size_(other.size()) {}

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }

  Span sub(std::size_t offset, std::size_t count) const {
    SUFFICE_EXPECT(offset + count <= size_, "sub-span reaches past the end");
    return Span(data_ + offset, count);
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace suffice
