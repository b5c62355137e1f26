#include "broker/adapters/store/projector.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/assert.h"
#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/journal_reader.h"
#include "broker/adapters/store/lag.h"
#include "broker/adapters/store/projection.h"

namespace bourse::broker {
namespace {

constexpr Duration kRetryAfter = milliseconds(200);

std::chrono::milliseconds chrono_of(Duration d) { return std::chrono::milliseconds(d.ms); }

}  // namespace

struct Projector::Impl {
  explicit Impl(ProjectorOptions o) : options(std::move(o)) {}

  const ProjectorOptions options;
  const SystemClock clock;
  std::thread thread;

  mutable std::mutex mutex;
  std::condition_variable wake;   // for the thread
  std::condition_variable moved;  // for those who wait on it
  ProjectorStatus status;
  store::Lag lag;
  bool stopping = false;
  bool rebuild_asked = false;
  std::uint64_t rebuilds = 0;

  // The thread's own.
  std::optional<store::Connection> connection;
  store::Projection projection{options.gather_every};
  JournalHead head;

  Status connect() {
    connection.reset();
    TRY(connection, store::Connection::open(options.conninfo));
    CHECK_OK(projection.prepare(*connection));
    TRY(head, projection.cursor(*connection));
    return {};
  }

  void note(std::uint64_t position, std::uint64_t announced) {
    status.position = position;
    status.announced = std::max(status.announced, announced);
    lag.announced(announced, clock.monotonic());
    lag.projected(position);
  }

  // One chunk. True when there was one.
  Result<bool> step() {
    if (!connection || !connection->usable()) CHECK_OK(connect());
    TRY(const auto rows, store::read_chunk(*connection, head, {options.max_rows, options.max_bytes}));
    if (rows.empty()) return false;
    {
      const std::lock_guard lock(mutex);
      note(head.seq, rows.back().seq);
    }
    CHECK_OK(projection.project(*connection, rows));
    head = {rows.back().seq, rows.back().hash};
    {
      const std::lock_guard lock(mutex);
      note(head.seq, head.seq);
      ++status.chunks;
      status.error.clear();
    }
    moved.notify_all();
    return true;
  }

  Status do_rebuild() {
    if (!connection || !connection->usable()) CHECK_OK(connect());
    CHECK_OK(projection.clear(*connection));
    CHECK_OK(connect());
    {
      const std::lock_guard lock(mutex);
      status.stopped = false;
      status.error.clear();
      status.position = 0;
      lag.restarted(clock.monotonic());
      rebuild_asked = false;
      ++rebuilds;
    }
    moved.notify_all();
    return {};
  }

  void failed(const Error& error) {
    // A connection in an unknown state is not used again, and memory that may be ahead of the tables neither.
    connection.reset();
    const std::lock_guard lock(mutex);
    status.error = error.message();
    const bool passing = error.outcome() == Outcome::transient || error.code == ErrorCode::timeout;
    if (!passing) status.stopped = true;
  }

  void run() {
    while (true) {
      bool rebuild = false;
      {
        const std::lock_guard lock(mutex);
        if (stopping) return;
        rebuild = rebuild_asked;
      }
      Result<bool> worked = false;
      if (rebuild) {
        if (auto done = do_rebuild(); !done) worked = std::unexpected(done.error());
      } else if (!is_stopped()) {
        worked = step();
      }
      if (!worked) failed(worked.error());
      if (worked && *worked) continue;
      rest(worked.has_value());
    }
  }

  bool is_stopped() const {
    const std::lock_guard lock(mutex);
    return status.stopped;
  }

  void rest(bool well) {
    std::unique_lock lock(mutex);
    const auto due = [&] {
      return stopping || (rebuild_asked && well) || (well && !status.stopped && status.announced > status.position);
    };
    wake.wait_for(lock, chrono_of(well ? options.poll : kRetryAfter), due);
  }
};

Projector::Projector(ProjectorOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Projector::~Projector() { stop(); }

Status Projector::start() {
  BOURSE_ASSERT(!impl_->thread.joinable());
  CHECK_OK(impl_->connect());
  impl_->status.position = impl_->head.seq;
  impl_->status.announced = impl_->head.seq;
  impl_->thread = std::thread([this] { impl_->run(); });
  return {};
}

void Projector::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  impl_->moved.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Projector::notify(std::uint64_t position) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->note(impl_->status.position, position);
  }
  impl_->wake.notify_one();
}

bool Projector::wait_for(std::uint64_t position, Duration timeout) {
  std::unique_lock lock(impl_->mutex);
  impl_->moved.wait_for(lock, chrono_of(timeout), [&] { return impl_->stopping || impl_->status.position >= position; });
  return impl_->status.position >= position;
}

Status Projector::rebuild(Duration timeout) {
  std::unique_lock lock(impl_->mutex);
  const std::uint64_t before = impl_->rebuilds;
  impl_->rebuild_asked = true;
  impl_->wake.notify_all();
  const bool done = impl_->moved.wait_for(lock, chrono_of(timeout),
                                          [&] { return impl_->stopping || impl_->rebuilds != before; });
  if (impl_->rebuilds != before) return {};
  if (!done) return fail(ErrorCode::timeout, "the projections were not emptied in time: " + impl_->status.error);
  return fail(ErrorCode::unavailable, "the projector is stopping");
}

ProjectorStatus Projector::status() const {
  const std::lock_guard lock(impl_->mutex);
  ProjectorStatus status = impl_->status;
  status.lag = impl_->lag.at(impl_->clock.monotonic());
  return status;
}

}  // namespace bourse::broker
