// The one pool of worker threads. No OpenMP: two OpenMP runtimes in a process can crash.
#pragma once

#include <cstddef>
#include <functional>

namespace suffice {

// Runs body(begin, end) over a partition of [0, n) into at most `threads` contiguous parts of
// nearly equal size, one of them on the calling thread, and returns when all have ended. The
// partition depends on n and threads only. The first exception of a part is rethrown here.
//
// May be called from several threads at once and from inside a body: a caller that waits runs
// queued parts meanwhile. Workers are created when first needed and live as long as the process;
// a forked child starts its own.
void parallel_for(std::size_t n, std::size_t threads,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

}  // namespace suffice
