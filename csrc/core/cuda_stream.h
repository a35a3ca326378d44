// The stream type of the CUDA launchers, without needing CUDA's headers: cudaStream_t is this type.
#pragma once

struct CUstream_st;

namespace suffice::cuda {

using Stream = ::CUstream_st*;

}  // namespace suffice::cuda
