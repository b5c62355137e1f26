#include "broker/adapters/statement/sealer/sealer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "broker/adapters/statement/sealer/source.h"

namespace bourse::broker {
namespace {

// A period to be sealed, with its center as both stood when they were read.
struct Due {
  Period period;
  Center center;
};

std::vector<Due> closing_periods(const Market& market) {
  std::vector<Due> due;
  for (const Center* center : market.centers())
    for (const Period* period : market.periods(center->id))
      if (period->state == PeriodState::closing) due.push_back({*period, *center});
  return due;  // by center and number: an earlier period's payout is in the next one's opening
}

}  // namespace

struct Sealer::Impl {
  Impl(SealerOptions options_in, Engine& engine_in, BlobStore& blobs_in, Notary& notary_in, const SigningKey& key, WaitProjected wait,
       const Clock& clock_in)
      : options(std::move(options_in)),
        engine(engine_in),
        blobs(blobs_in),
        clock(clock_in),
        ack_key{key.secret, key.public_key},
        wait_projected(std::move(wait)),
        source(options.reader_conninfo, options.market, blobs_in),
        notary(notary_in) {}

  SealerOptions options;
  Engine& engine;
  BlobStore& blobs;
  const Clock& clock;
  federation::KeyPair ack_key;
  WaitProjected wait_projected;
  StatementSource source;  // the thread's
  Notary& notary;

  std::mutex mutex;
  std::condition_variable changed;
  bool work = false;
  bool stopping = false;
  std::uint64_t sealed = 0;  // counts seals seen, for waiters
  std::thread thread;

  void loop();
  Status seal_all();
  Status seal(const Due& due);
};

void Sealer::Impl::loop() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return work || stopping; });
      if (stopping) return;
      work = false;
    }
    const Status done = seal_all();
    if (done) continue;
    spdlog::error("sealing: {}", done.error().message());
    std::unique_lock lock(mutex);
    work = true;
    changed.wait_for(lock, std::chrono::milliseconds(options.retry.ms), [this] { return stopping; });
  }
}

Status Sealer::Impl::seal_all() {
  std::vector<Due> due;
  CHECK_OK(engine.read_wait([&due](const Market& market) { due = closing_periods(market); }));
  if (due.empty()) return {};
  CHECK_OK(wait_projected(engine.stats().position, seconds(30)));
  // One center's trouble keeps no other from being sealed; its own later periods wait for the one in trouble.
  Status first_trouble;
  std::optional<CenterId> in_trouble;
  for (const Due& one : due) {
    {
      const std::scoped_lock lock(mutex);
      if (stopping) return {};
    }
    if (in_trouble == one.center.id) continue;
    const Status done = seal(one);
    if (done) continue;
    in_trouble = one.center.id;
    spdlog::error("period {} of {} can't be sealed: {}", one.period.number, one.center.name, done.error().message());
    if (first_trouble) first_trouble = done;
  }
  return first_trouble;
}

Status Sealer::Impl::seal(const Due& due) {
  TRY(statement::Statement statement, source.gather(due.period, due.center));
  CHECK_OK(add_evidence(notary, due.center.id, due.period.id, statement));
  const std::string file = statement::seal(statement, ack_key);
  // What we sign we have recomputed, like anybody who receives it.
  const statement::Verification verified = statement::verify(file, ack_key.public_key);
  if (!verified.ok) return fail(ErrorCode::integrity, verified.differences.front());
  TRY(const Hash256 hash, blobs.put(BlobKind::statement, std::as_bytes(std::span(file))));
  // No idempotency key: sealing a sealed period with the same hash changes nothing.
  CHECK_OK(engine.execute({.key = {},
                           .fingerprint = 0,
                           .now = clock.now(),
                           .body = SealStatement{.period = due.period.id, .statement = hash}}));
  spdlog::info("sealed period {} of {}: {} captures, {} {} to the center, sha256 {}", due.period.number, due.center.name,
               due.period.captures, to_text(due.period.center_share), due.period.unit.text(), to_hex(hash));
  return {};
}

Sealer::Sealer(SealerOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const SigningKey& ack_key, const Clock& clock,
               WaitProjected wait_projected)
    : impl_(std::make_unique<Impl>(std::move(options), engine, blobs, notary, ack_key, std::move(wait_projected), clock)) {}

Sealer::~Sealer() { stop(); }

void Sealer::start() {
  impl_->work = true;
  impl_->thread = std::thread([this] { impl_->loop(); });
}

void Sealer::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Sealer::committed(std::uint64_t, const std::vector<Event>& events) {
  const auto has = [&]<class E>(std::type_identity<E>) {
    return std::ranges::any_of(events, [](const Event& event) { return std::holds_alternative<E>(event); });
  };
  const bool closing = has(std::type_identity<PeriodClosing>{}), sealed = has(std::type_identity<StatementSealed>{});
  if (!closing && !sealed) return;
  {
    const std::scoped_lock lock(impl_->mutex);
    if (closing) impl_->work = true;
    if (sealed) ++impl_->sealed;
  }
  impl_->changed.notify_all();
}

Status Sealer::wait_sealed(PeriodId period, Duration timeout) {
  const Duration until{impl_->clock.monotonic().ms + timeout.ms};
  for (;;) {
    std::uint64_t seen = 0;
    {
      const std::scoped_lock lock(impl_->mutex);
      if (impl_->stopping) return fail(ErrorCode::unavailable, "The broker is stopping.");
      seen = impl_->sealed;
    }
    auto state = std::make_shared<std::optional<PeriodState>>();
    CHECK_OK(impl_->engine.read_wait([state, period](const Market& market) {
      if (const Period* found = market.period(period)) *state = found->state;
    }));
    if (!*state) return fail(ErrorCode::not_found, "There is no such period.");
    if (**state == PeriodState::closed || **state == PeriodState::paid) return {};
    const std::int64_t left = until.ms - impl_->clock.monotonic().ms;
    if (left <= 0) return fail(ErrorCode::timeout, "The period is closed; its statement is still being made.");
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait_for(lock, std::chrono::milliseconds(left), [&] { return impl_->sealed != seen || impl_->stopping; });
  }
}

}  // namespace bourse::broker
