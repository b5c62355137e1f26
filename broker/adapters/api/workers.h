// Workers: a fixed number of threads behind a bounded queue. What doesn't fit is refused, not waited for.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace bourse::broker::api {

// Safe from any thread. Tasks must not throw.
class Workers {
 public:
  using Task = std::move_only_function<void()>;

  Workers(std::size_t threads, std::size_t max_waiting);
  ~Workers();  // stops

  // Errors: overloaded (the queue is full), unavailable (stopped); the task is then not run.
  Status run(Task task);
  // Runs what is queued, then joins. Idempotent.
  void stop();

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  std::size_t max_waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bourse::broker::api
