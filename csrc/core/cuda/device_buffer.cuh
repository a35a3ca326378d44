// Device memory with one owner. Allocated, filled and freed in the order of one stream, so that no
// call waits for the device.
#pragma once

#include <cstddef>
#include <utility>

#include "core/cuda/check.cuh"
#include "core/cuda_stream.h"
#include "core/span.h"

namespace suffice::cuda {

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(std::size_t size, Stream stream) : size_(size), stream_(stream) {
    if (size_ == 0) return;
    void* memory = nullptr;
    SUFFICE_CUDA_CHECK(cudaMallocAsync(&memory, size_ * sizeof(T), stream_));
    data_ = static_cast<T*>(memory);
  }

  // A copy of host memory, which must stay as it is until the stream has passed.
  DeviceBuffer(Span<const T> host, Stream stream) : DeviceBuffer(host.size(), stream) {
    if (size_ == 0) return;
    SUFFICE_CUDA_CHECK(
        cudaMemcpyAsync(data_, host.data(), size_ * sizeof(T), cudaMemcpyHostToDevice, stream_));
  }

  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        stream_(other.stream_) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(stream_, other.stream_);
    return *this;
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // A destructor can't report: an error here comes back from the next checked call.
  ~DeviceBuffer() {
    if (data_ != nullptr) cudaFreeAsync(data_, stream_);
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }

  // Asynchronous: `host` holds the values once the stream has been waited for.
  void copy_to(Span<T> host) const {
    SUFFICE_EXPECT(host.size() == size_, "copy_to: the buffer has another size");
    if (size_ == 0) return;
    SUFFICE_CUDA_CHECK(
        cudaMemcpyAsync(host.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost, stream_));
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  Stream stream_ = nullptr;
};

}  // namespace suffice::cuda
