// The one way of checking CUDA calls: a failure throws CudaError (RuntimeError in Python) with the
// call, CUDA's own words, file and line.
#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace suffice::cuda {

class CudaError : public std::runtime_error {
 public:
  CudaError(cudaError_t code, const std::string& what) : std::runtime_error(what), code_(code) {}
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

[[noreturn]] inline void fail_cuda(cudaError_t code, const char* call, const char* file, int line) {
  throw CudaError(code, std::string(call) + " failed: " + cudaGetErrorString(code) + " (" +
                            cudaGetErrorName(code) + ") [" + file + ":" + std::to_string(line) +
                            "]");
}

}  // namespace suffice::cuda

#define SUFFICE_CUDA_CHECK(call)                                                \
  do {                                                                          \
    const cudaError_t suffice_cuda_code = (call);                               \
    if (suffice_cuda_code != cudaSuccess) {                                     \
      cudaGetLastError(); /* the error is reported here, not once more later */ \
      ::suffice::cuda::fail_cuda(suffice_cuda_code, #call, __FILE__, __LINE__); \
    }                                                                           \
  } while (false)
