#include "connectors/core/stager.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>

namespace bourse::connector {

Stager::Stager(StagerOptions options, FileLink& link, std::function<Result<LogPiece>(AttemptId, std::int64_t, std::int64_t)> log)
    : options_(std::move(options)), link_(link), log_(std::move(log)) {
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

Stager::~Stager() { stop(); }

void Stager::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

std::string Stager::manifest_path(AttemptId attempt) const { return options_.directory + "/" + to_text(attempt); }

Stager::Progress Stager::bring_in(const Staging& staging) { return look(staging, false); }
Stager::Progress Stager::hand_over(const Staging& staging) { return look(staging, true); }

Stager::Progress Stager::look(const Staging& staging, bool out) {
  const std::scoped_lock lock(mutex_);
  const auto [at, fresh] = tasks_.try_emplace({staging.attempt, out});
  if (fresh) {
    at->second = std::make_shared<Task>(Task{.staging = staging, .out = out, .dropped = false, .progress = {}});
    waiting_.push_back(at->second);
    changed_.notify_all();  // who waits for the next try is no use to it
  }
  return at->second->progress;
}

void Stager::forget(AttemptId attempt) {
  ::unlink(manifest_path(attempt).c_str());  // most have none
  const std::scoped_lock lock(mutex_);
  for (const bool out : {false, true}) {
    const auto found = tasks_.find({attempt, out});
    if (found == tasks_.end()) continue;
    found->second->dropped = true;
    tasks_.erase(found);
  }
  changed_.notify_all();
}

bool Stager::over(const Task& task) {
  const std::scoped_lock lock(mutex_);
  return stopping_ || task.dropped;
}

void Stager::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Task> task = std::move(waiting_.front());
    waiting_.pop_front();
    if (task->dropped) continue;
    lock.unlock();
    const Status done = task->out ? hand(*task, task->staging) : bring(*task, task->staging);
    lock.lock();
    if (done || stopping_ || task->dropped) {
      task->progress = {State::done, {}};
      continue;
    }
    const Error& error = done.error();
    const std::string& why = error.detail.empty() ? std::string(info(error.code).sentence) : error.detail;
    if (error.outcome() == Outcome::rejected) {
      task->progress = {State::failed, why};
      continue;
    }
    if (task->progress.reason != why) spdlog::warn("files of {}: {}", to_text(task->staging.attempt), why);
    task->progress.reason = why;
    changed_.wait_for(lock, std::chrono::milliseconds(options_.retry.ms), [&] { return stopping_ || task->dropped; });
    waiting_.push_back(task);
  }
}

}  // namespace bourse::connector
