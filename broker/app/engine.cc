#include "broker/app/engine.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "broker/app/committer.h"

namespace bourse::broker {
namespace {

constexpr Duration kFirstRetry = milliseconds(20);
constexpr Duration kLongestRetry = seconds(5);

std::chrono::milliseconds chrono(Duration d) {
  return std::chrono::milliseconds(d.ms);
}

// An answer that one thread gives and another waits for, at most for a while.
template <class T>
class Awaited {
 public:
  void set(T value) {
    {
      const std::scoped_lock lock(mutex_);
      value_.emplace(std::move(value));
    }
    set_.notify_all();
  }
  std::optional<T> wait(Duration timeout) {
    std::unique_lock lock(mutex_);
    set_.wait_for(lock, chrono(timeout), [&] { return value_.has_value(); });
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable set_;
  std::optional<T> value_;
};

}  // namespace

struct Engine::Impl {
  // Called with null when the engine stops before it could be run.
  using Reader = std::move_only_function<void(const Market*)>;

  Impl(EngineOptions o, Journal& journal, const Clock& c)
      : options(o), clock(c), committer({o.max_batch, o.max_row_bytes, o.limits}, journal, c) {
    // Before the answers: whoever has one may wait for its position at once.
    committer.on_committed([this](std::uint64_t position, const std::vector<Event>& events) {
      {
        const std::scoped_lock lock(mutex);
        stats.position = position;
      }
      if (observer) observer(position, events);
    });
  }

  Status submit(Command command, Completion completion);
  Status read(Reader reader);
  void run();
  bool wait_for_work();
  bool recover();
  void run_commands();
  void end(std::unique_lock<std::mutex>& lock);
  // Arrays to be made into jobs, jobs whose waiting is over: a step between two batches, so that nobody waits long for it.
  bool has_steps() const { return committer.state() == Committer::State::ready && committer.market().has_work(); }
  bool tick_due() const { return options.tick.ms > 0 && clock.monotonic() >= next_tick; }

  const EngineOptions options;
  const Clock& clock;
  Committer committer;  // the engine's thread only
  std::function<void(const Error&)> on_fatal;
  Committed observer;
  std::thread thread;

  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by the mutex:
  bool accepting = false;
  bool stopping = false;
  std::size_t waiting = 0;  // commands in `queue` and in `batch`
  std::vector<Committer::Item> queue;
  std::vector<Reader> readers;
  EngineStats stats;

  // The engine's thread only:
  std::vector<Committer::Item> batch;  // taken from the queue; items before `next` are answered
  std::size_t next = 0;
  std::vector<Reader> taken_readers;
  Duration next_tick;
  Duration retry = kFirstRetry;
};

Status Engine::Impl::submit(Command command, Completion completion) {
  {
    const std::scoped_lock lock(mutex);
    if (!accepting) return fail(ErrorCode::unavailable, "the engine is not running");
    if (waiting >= options.max_queue) return fail(ErrorCode::overloaded);
    ++waiting;
    queue.push_back({std::move(command), std::move(completion)});
  }
  changed.notify_one();
  return {};
}

Status Engine::Impl::read(Reader reader) {
  {
    const std::scoped_lock lock(mutex);
    if (!accepting) return fail(ErrorCode::unavailable, "the engine is not running");
    if (readers.size() >= options.max_queue) return fail(ErrorCode::overloaded);
    readers.push_back(std::move(reader));
  }
  changed.notify_one();
  return {};
}

// Takes what has arrived. False: stopped, and everything is answered.
bool Engine::Impl::wait_for_work() {
  std::unique_lock lock(mutex);
  const bool steps = has_steps();
  const auto has_work = [&] { return stopping || steps || !queue.empty() || !readers.empty() || !batch.empty() || tick_due(); };
  while (!has_work()) {
    if (options.tick.ms > 0)
      changed.wait_for(lock, chrono(std::max(milliseconds(1), next_tick - clock.monotonic())));
    else
      changed.wait(lock);
  }
  if (batch.empty()) std::swap(batch, queue);
  std::ranges::move(readers, std::back_inserter(taken_readers));
  readers.clear();
  return !stopping || !batch.empty() || !taken_readers.empty();
}

// True when the market is loaded. Else it was waited a little, and is to be tried again unless the engine is stopping.
bool Engine::Impl::recover() {
  const Status status = committer.recover();
  if (status) {
    retry = kFirstRetry;
    const std::scoped_lock lock(mutex);
    ++stats.reloads;
    return true;
  }
  if (status.error().code == ErrorCode::integrity) {
    if (on_fatal) on_fatal(status.error());
    const std::scoped_lock lock(mutex);
    stopping = true;
    return false;
  }
  std::unique_lock lock(mutex);
  changed.wait_for(lock, chrono(retry), [&] { return stopping; });
  retry = std::min(kLongestRetry, Duration{retry.ms * 2});
  return false;
}

void Engine::Impl::run_commands() {
  if (tick_due()) {
    next_tick = clock.monotonic();
    next_tick.ms += options.tick.ms;
    Committer::Item tick{Command{.now = clock.now(), .body = Tick{}}, {}};
    committer.run(std::span(&tick, 1));
  }
  if (has_steps()) {
    Committer::Item step{Command{.now = clock.now(), .body = Advance{}}, {}};
    committer.run(std::span(&step, 1));
  }
  if (committer.state() != Committer::State::ready || batch.empty()) return;
  const std::size_t done = committer.run(std::span(batch).subspan(next));
  next += done;
  if (next == batch.size()) {  // at once, since completions may hold what their callers wait to see gone
    batch.clear();
    next = 0;
  }
  const std::scoped_lock lock(mutex);
  waiting -= done;
}

void Engine::Impl::run() {
  next_tick = clock.monotonic();
  while (wait_for_work()) {
    if (committer.state() == Committer::State::lost && !recover()) {
      const std::scoped_lock lock(mutex);
      if (stopping) break;
      continue;
    }
    for (Reader& reader : taken_readers) reader(&committer.market());
    taken_readers.clear();
    run_commands();
    {
      const std::scoped_lock lock(mutex);
      const auto& counts = committer.counts();
      stats = {counts.commands,      counts.batches, counts.events,
               counts.journal_bytes, stats.reloads,  committer.head().seq};
    }
    if (committer.state() == Committer::State::deposed) {
      if (on_fatal) on_fatal({ErrorCode::deposed, "Another writer holds the journal."});
      break;
    }
  }
  std::unique_lock lock(mutex);
  end(lock);
}

// Nothing of what is left was decided.
void Engine::Impl::end(std::unique_lock<std::mutex>& lock) {
  accepting = false;
  std::vector<Committer::Item> left;
  for (; next < batch.size(); ++next) left.push_back(std::move(batch[next]));
  for (auto& item : queue) left.push_back(std::move(item));
  queue.clear();
  batch.clear();
  next = 0;
  waiting = 0;
  for (Reader& reader : std::exchange(readers, {})) taken_readers.push_back(std::move(reader));
  lock.unlock();
  for (auto& item : left)
    if (item.completion) item.completion(fail(ErrorCode::unavailable, "the engine has stopped"));
  for (Reader& reader : std::exchange(taken_readers, {})) reader(nullptr);
}

Engine::Engine(EngineOptions options, Journal& journal, const Clock& clock, Rng&)
    : impl_(std::make_unique<Impl>(options, journal, clock)) {}

Engine::~Engine() {
  stop();
}

Status Engine::start() {
  BOURSE_ASSERT(!impl_->thread.joinable());
  CHECK_OK(impl_->committer.recover());
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->accepting = true;
    impl_->stats.position = impl_->committer.head().seq;
  }
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  return {};
}

void Engine::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->accepting = false;
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Engine::on_committed(Committed observer) {
  impl_->observer = std::move(observer);
}
void Engine::on_fatal(std::function<void(const Error&)> observer) {
  impl_->on_fatal = std::move(observer);
}

Status Engine::submit(Command command, Completion completion) {
  return impl_->submit(std::move(command), std::move(completion));
}

Result<CommandResult> Engine::execute(Command command, Duration timeout) {
  auto awaited = std::make_shared<Awaited<Result<CommandResult>>>();
  CHECK_OK(submit(std::move(command), [awaited](Result<CommandResult> result) { awaited->set(std::move(result)); }));
  auto result = awaited->wait(timeout);
  if (!result) return fail(ErrorCode::timeout);
  return std::move(*result);
}

Status Engine::read(std::move_only_function<void(const Market&)> reader) {
  return impl_->read([reader = std::move(reader)](const Market* market) mutable {
    if (market != nullptr) reader(*market);
  });
}

Status Engine::read_wait(std::move_only_function<void(const Market&)> reader, Duration timeout) {
  // After a timeout the reader's captures may be gone, so it must not begin any more; once begun, it is waited for.
  struct Turn {
    std::mutex mutex;
    bool abandoned = false;
    Awaited<bool> done;
  };
  auto turn = std::make_shared<Turn>();
  CHECK_OK(impl_->read([turn, reader = std::move(reader)](const Market* market) mutable {
    const std::scoped_lock lock(turn->mutex);
    if (turn->abandoned) return;
    if (market != nullptr) reader(*market);
    turn->done.set(market != nullptr);
  }));
  auto ran = turn->done.wait(timeout);
  if (!ran) {
    const std::scoped_lock lock(turn->mutex);
    ran = turn->done.wait({});
    turn->abandoned = true;
  }
  if (!ran) return fail(ErrorCode::timeout);
  if (!*ran) return fail(ErrorCode::unavailable, "the engine has stopped");
  return {};
}

EngineStats Engine::stats() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace bourse::broker
