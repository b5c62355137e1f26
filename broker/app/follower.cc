#include "broker/app/follower.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/assert.h"

namespace bourse::broker {

struct Follower::Impl {
  Impl(FollowerOptions o, Journal& j) : options(o), journal(j) {}

  void run();
  Status apply(const JournalRow& row);
  Status snapshot();
  void publish();

  const FollowerOptions options;
  Journal& journal;
  std::function<void(const Error&)> on_fatal;
  std::thread thread;

  // The follower's thread only:
  Replayed state;
  std::uint64_t rows = 0, bytes = 0;  // since the newest snapshot
  std::uint64_t snapshots = 0, snapshot_position = 0;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  FollowerStats stats;
};

Status Follower::Impl::apply(const JournalRow& row) {
  TRY(const std::vector<Event> events, decode(row.body));
  for (const Event& event : events) state.market->apply(event);
  state.head = {row.seq, row.hash};
  ++rows;
  bytes += row.body.size();
  publish();
  const std::scoped_lock lock(mutex);
  return stopping ? fail(ErrorCode::unavailable, "stopping") : Status{};
}

Status Follower::Impl::snapshot() {
  Snapshot snapshot{.at = state.head};
  state.market->save(snapshot.state);
  CHECK_OK(journal.save_snapshot(snapshot));
  rows = bytes = 0;
  ++snapshots;
  snapshot_position = state.head.seq;
  publish();
  return {};
}

void Follower::Impl::publish() {
  const std::scoped_lock lock(mutex);
  stats = {state.head.seq, snapshots, snapshot_position};
}

void Follower::Impl::run() {
  for (;;) {
    Status status = journal.replay(state.head, [&](const JournalRow& row) { return apply(row); });
    if (status && (rows >= options.snapshot_rows || bytes >= options.snapshot_bytes)) status = snapshot();
    if (!status && status.error().code == ErrorCode::integrity) {
      if (on_fatal) on_fatal(status.error());
      return;
    }
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(options.poll.ms), [&] { return stopping; });
    if (stopping) return;
  }
}

Follower::Follower(FollowerOptions options, Journal& journal) : impl_(std::make_unique<Impl>(options, journal)) {}

Follower::~Follower() {
  stop();
}

Status Follower::start() {
  BOURSE_ASSERT(!impl_->thread.joinable());
  TRY(impl_->state, replay_all(impl_->journal, impl_->options.limits));
  impl_->snapshot_position = impl_->state.snapshot_seq;
  impl_->rows = impl_->state.head.seq - impl_->state.snapshot_seq;
  impl_->publish();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  return {};
}

void Follower::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Follower::on_fatal(std::function<void(const Error&)> observer) {
  impl_->on_fatal = std::move(observer);
}

FollowerStats Follower::stats() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace bourse::broker
