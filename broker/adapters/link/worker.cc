#include "broker/adapters/link/worker.h"

#include <chrono>

namespace bourse::broker {

Worker::Worker(Task idle, Task tick, Duration interval, const Clock& clock)
    : idle_(std::move(idle)), tick_(std::move(tick)), interval_(interval), clock_(clock), thread_([this] { run(); }) {}

Worker::~Worker() { stop(); }

void Worker::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Worker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  Duration ticked = clock_.monotonic();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, std::chrono::milliseconds(interval_.ms), [&] { return stopping_ || !tasks_.empty(); });
    std::deque<Task> tasks;
    tasks.swap(tasks_);
    const bool last = stopping_;
    lock.unlock();
    for (Task& task : tasks) task();
    idle_();
    if (const Duration now = clock_.monotonic(); now - ticked >= interval_) {
      ticked = now;
      tick_();
    }
    lock.lock();
    if (last && tasks_.empty()) return;
  }
}

}  // namespace bourse::broker
