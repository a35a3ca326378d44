// Whether CUDA can run here, and the device of a call. For host code; needs CUDA's headers.
#pragma once

#include <string>

#include "core/cuda_stream.h"

namespace suffice::cuda {

// Number of devices, 0 where CUDA can't run. Never throws.
int device_count();

// Empty where CUDA can run, otherwise why it can't, in words for the user.
std::string why_unavailable();

// What is queued on `stream` from now on waits for what is queued on `producer` so far; the host
// doesn't wait.
void wait_for(Stream stream, Stream producer);

// Makes a device current for a scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
};

}  // namespace suffice::cuda
