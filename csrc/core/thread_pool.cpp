#include "core/thread_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define SUFFICE_HAS_FORK 1
#endif

namespace suffice {

namespace {

constexpr std::size_t kMaxWorkers = 255;

// The parts of one parallel_for call that have not ended yet.
struct Call {
  const std::function<void(std::size_t, std::size_t)>* body = nullptr;
  std::size_t unfinished = 0;
  std::exception_ptr error;
};

struct Part {
  Call* call = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

class ThreadPool {
 public:
  void run(std::size_t n, std::size_t threads,
           const std::function<void(std::size_t, std::size_t)>& body) {
    Call call;
    call.body = &body;
    call.unfinished = threads;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      grow(threads - 1);
      for (std::size_t t = 1; t < threads; ++t) {
        queue_.push_back({&call, n * t / threads, n * (t + 1) / threads});
      }
    }
    changed_.notify_all();
    execute({&call, 0, n / threads});

    std::unique_lock<std::mutex> lock(mutex_);
    while (call.unfinished > 0) {
      if (queue_.empty()) {
        changed_.wait(lock);
      } else {
        run_next(lock);
      }
    }
    if (call.error) std::rethrow_exception(call.error);
  }

 private:
  // Called with the lock held. Workers are detached: the pool outlives them by never dying.
  void grow(std::size_t wanted) {
    for (; n_workers_ < std::min(wanted, kMaxWorkers); ++n_workers_) {
      std::thread([this] { work(); }).detach();
    }
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return !queue_.empty(); });
      run_next(lock);
    }
  }

  // Takes the lock held and gives it back held.
  void run_next(std::unique_lock<std::mutex>& lock) {
    const Part part = queue_.front();
    queue_.pop_front();
    lock.unlock();
    execute(part);
    lock.lock();
  }

  void execute(const Part& part) {
    std::exception_ptr error;
    try {
      (*part.call->body)(part.begin, part.end);
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error && !part.call->error) part.call->error = error;
    if (--part.call->unfinished == 0) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Part> queue_;
  std::size_t n_workers_ = 0;
};

std::mutex instance_mutex;
ThreadPool* instance = nullptr;  // never destroyed: detached workers wait in it until the end

#ifdef SUFFICE_HAS_FORK
// A forked child has none of the workers, and the pool's lock may be held for ever: it leaves the
// parent's pool alone and makes its own when it needs one.
void before_fork() { instance_mutex.lock(); }
void after_fork_in_parent() { instance_mutex.unlock(); }
void after_fork_in_child() {
  instance = nullptr;
  instance_mutex.unlock();
}
#endif

ThreadPool& pool() {
  const std::lock_guard<std::mutex> lock(instance_mutex);
#ifdef SUFFICE_HAS_FORK
  static const int registered =
      pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
  (void)registered;
#endif
  if (instance == nullptr) instance = new ThreadPool;
  return *instance;
}

}  // namespace

void parallel_for(std::size_t n, std::size_t threads,
                  const std::function<void(std::size_t, std::size_t)>& body) {
  threads = std::min({threads, n, kMaxWorkers + 1});
  if (n == 0) return;
  if (threads <= 1) {
    body(0, n);
    return;
  }
  pool().run(n, threads, body);
}

}  // namespace suffice
