// One thread that does everything the link decides, in the order it was asked, so that nothing of it needs a lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/time.h"

namespace bourse::broker {

class Worker {
 public:
  using Task = std::move_only_function<void()>;
  // `idle` runs whenever the tasks at hand are done, `tick` about every `interval`; both on the thread.
  Worker(Task idle, Task tick, Duration interval, const Clock& clock);
  ~Worker();  // stops

  // From any thread. The senders bound themselves: streams by one frame in hand each, the rest by their own limits.
  // After stop() tasks are dropped, unrun.
  void post(Task task);
  // Runs what was posted, then joins. Idempotent; not from the thread itself.
  void stop();

 private:
  void run();

  Task idle_, tick_;
  Duration interval_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace bourse::broker
