#include "core/thread_pool.h"

#include <algorithm>
#include <condition_variable>
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

// One parallel_for call, on its caller's stack; a link of the pool's list while parts are left.
struct Call {
  const std::function<void(std::size_t, std::size_t)>& body;
  std::size_t n;
  std::size_t parts;
  std::size_t next_part = 0;
  std::size_t unfinished = parts;
  std::exception_ptr error = nullptr;
  Call* next_call = nullptr;
};

class ThreadPool {
 public:
  void run(Call& call) {
    std::unique_lock<std::mutex> lock(mutex_);
    grow(call.parts - 1);
    call.next_call = waiting_;
    waiting_ = &call;
    changed_.notify_all();
    while (call.unfinished > 0) {
      if (waiting_ == nullptr) {
        changed_.wait(lock);
      } else {
        run_one_part(lock);
      }
    }
    lock.unlock();
    if (call.error) std::rethrow_exception(call.error);
  }

 private:
  // Called with the lock held. Workers are detached: the pool outlives them by never dying.
  void grow(std::size_t wanted) {
    for (; n_workers_ < wanted; ++n_workers_) {
      std::thread([this] { work(); }).detach();
    }
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return waiting_ != nullptr; });
      run_one_part(lock);
    }
  }

  // Takes the lock held and gives it back held. The call stays alive meanwhile: it has this part
  // unfinished.
  void run_one_part(std::unique_lock<std::mutex>& lock) {
    Call& call = *waiting_;
    const std::size_t part = call.next_part++;
    if (call.next_part == call.parts) waiting_ = call.next_call;
    lock.unlock();
    std::exception_ptr error;
    try {
      call.body(call.n * part / call.parts, call.n * (part + 1) / call.parts);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !call.error) call.error = error;
    if (--call.unfinished == 0) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Call* waiting_ = nullptr;  // the calls with parts nobody has begun, the latest first
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
  Call call{body, n, threads};
  pool().run(call);
}

}  // namespace suffice
