#include "core/cuda/check.cuh"
#include "core/cuda/device.h"

namespace suffice::cuda {

namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// An event for one use; CUDA keeps what it needs until the stream has passed.
class Event {
 public:
  Event() { SUFFICE_CUDA_CHECK(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

std::string why_unavailable() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaSuccess && count > 0) return "";
  cudaGetLastError();
  int driver = 0;
  int runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return "no CUDA driver: install NVIDIA's driver, or use the CPU";
  }
  if (cudaRuntimeGetVersion(&runtime) == cudaSuccess && driver < runtime &&
      code == cudaErrorInsufficientDriver) {
    return "the CUDA driver is too old: it supports CUDA " + version_text(driver) +
           ", this build needs " + version_text(runtime);
  }
  if (code == cudaSuccess || code == cudaErrorNoDevice) {
    return "no CUDA device: the driver is there but finds none (is CUDA_VISIBLE_DEVICES empty?)";
  }
  return std::string("CUDA can't start: ") + cudaGetErrorString(code);
}

void wait_for(Stream stream, Stream producer) {
  const Event event;
  SUFFICE_CUDA_CHECK(cudaEventRecord(event.get(), producer));
  SUFFICE_CUDA_CHECK(cudaStreamWaitEvent(stream, event.get(), 0));
}

DeviceGuard::DeviceGuard(int device) {
  SUFFICE_CUDA_CHECK(cudaGetDevice(&previous_));
  SUFFICE_CUDA_CHECK(cudaSetDevice(device));
}

DeviceGuard::~DeviceGuard() { cudaSetDevice(previous_); }

}  // namespace suffice::cuda
