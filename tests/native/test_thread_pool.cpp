#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/thread_pool.h"

namespace suffice {
namespace {

TEST(ThreadPool, EveryIndexIsVisitedOnce) {
  for (const std::size_t n : {0U, 1U, 2U, 7U, 1000U}) {
    for (const std::size_t threads : {0U, 1U, 2U, 5U, 5000U}) {
      std::vector<int> visits(n, 0);  // written without a lock: parts must not overlap
      parallel_for(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) ++visits[i];
      });
      EXPECT_EQ(visits, std::vector<int>(n, 1)) << n << " over " << threads;
    }
  }
}

TEST(ThreadPool, AnExceptionReachesTheCallerAfterAllPartsEnded) {
  for (std::size_t failing = 0; failing < 4; ++failing) {
    std::atomic<int> ended{0};
    const auto body = [&](std::size_t begin, std::size_t) {
      ++ended;
      if (begin == failing) throw std::runtime_error("part failed");
    };
    EXPECT_THROW(parallel_for(4, 4, body), std::runtime_error);
    EXPECT_EQ(ended, 4);
  }
}

TEST(ThreadPool, CallsMayBeNestedAndConcurrent) {
  std::atomic<int> visits{0};
  const auto inner = [&](std::size_t begin, std::size_t end) {
    visits += static_cast<int>(end - begin);
  };
  const auto outer = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) parallel_for(10, 3, inner);
  };
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) callers.emplace_back([&] { parallel_for(20, 4, outer); });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(visits, 4 * 20 * 10);
}

}  // namespace
}  // namespace suffice
