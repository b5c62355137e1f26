#include "bench/stub_market.h"

#include <chrono>
#include <span>
#include <tuple>
#include <utility>

#include "base/sha256.h"
#include "broker/domain/enrolment.h"

namespace bourse::bench {
namespace {

using broker::Command;
using broker::CommandBody;
using broker::CommandResult;
using broker::Happening;

constexpr Duration kRan = seconds(60);  // what every job says it ran
constexpr std::uint64_t kTenant = 1, kUser = 2, kAccount = 3, kJob = 4, kAttempt = 5, kHold = 6, kCenter = 7, kConnector = 8,
                        kContract = 9, kPrice = 10, kTransfer = 11, kUsage = 12;

template <class IdType>
IdType id_of(std::uint64_t seed, std::uint64_t kind, std::uint64_t n) {
  return {StubMarket::derived(seed, kind, n)};
}

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

Hash256 order_hash_of(JobId job) {
  const std::uint64_t words[] = {job.uuid.high, job.uuid.low};
  return sha256(std::as_bytes(std::span(words)));
}

broker::JobSpec spec_of(std::uint64_t n) {
  broker::JobSpec spec;
  spec.name = "job " + std::to_string(n);
  spec.script = sha256(std::string_view("#!/bin/sh\ntrue\n"));
  spec.need = {.cores = 1 + static_cast<std::int64_t>(n % 8), .nodes = 1, .mem_mib = 2'048};
  spec.walltime = minutes(10);
  spec.objective = static_cast<broker::Objective>(n % 3);
  return spec;
}

broker::PublicKey key_of(std::uint64_t n) {
  broker::PublicKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(mixed(n * 64 + i));
  return key;
}

}  // namespace

// In the shape of a UUIDv7 whose time grows with n.
Uuid StubMarket::derived(std::uint64_t seed, std::uint64_t kind, std::uint64_t n) {
  const std::uint64_t time = 0x0190'0000'0000ULL + n / 64;
  const std::uint64_t noise = mixed(mixed(seed * 31 + kind) + n);
  return {(time << 16) | 0x7000ULL | (noise & 0xFFF), 0x8000'0000'0000'0000ULL | (mixed(noise) >> 2)};
}

JobId StubMarket::job_id(std::uint64_t seed, std::uint64_t n) { return id_of<JobId>(seed, kJob, n); }

StubMarket::StubMarket(StubOptions options, broker::Engine& engine, const Clock& clock)
    : options_(options), engine_(engine), clock_(clock) {
  for (std::size_t i = 0; i < options_.centers; ++i) {
    centers_.push_back(std::make_unique<Center>());
    centers_.back()->id = id_of<CenterId>(options_.seed, kCenter, i);
  }
}

StubMarket::~StubMarket() { stop(); }

Result<CommandResult> StubMarket::execute(const std::function<Command()>& command) {
  while (true) {
    auto result = engine_.execute(command());
    if (result || !options_.persistent || stopping_) return result;
    if (result.error().outcome() == Outcome::rejected) return result;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the engine is reloading
  }
}

Status StubMarket::open_accounts() {
  for (std::uint64_t i = 0; i < options_.accounts; ++i) {
    const auto account = id_of<BillingAccountId>(options_.seed, kAccount, i);
    auto opened = execute([&] {
      return Command{.now = clock_.now(), .body = broker::OpenBillingAccount{account, id_of<TenantId>(options_.seed, kTenant, 0),
                                                                            "group " + std::to_string(i), kCny,
                                                                            id_of<UserId>(options_.seed, kUser, i)}};
    });
    if (!opened) return std::unexpected(opened.error());
    auto funded = execute([&] {
      return Command{.key = "fund/" + std::to_string(i), .now = clock_.now(),
                     .body = broker::FundAccount{account, Amount::whole(100'000'000),
                                                 id_of<TransferId>(options_.seed, kTransfer, i), Uuid{1, i}}};
    });
    if (!funded) return std::unexpected(funded.error());
  }
  return {};
}

Status StubMarket::open_center(Center& center, std::size_t number) {
  const auto run_once = [&](std::string key, CommandBody body) -> Status {
    auto done = execute([&] { return Command{.key = key, .now = clock_.now(), .body = body}; });
    if (!done) return std::unexpected(done.error());
    return {};
  };
  const std::string suffix = "/" + std::to_string(number);
  const Instant since{1'700'000'000'000};
  std::size_t step = 0;
  for (CommandBody& each : broker::enrolment({center.id, "stub-" + std::to_string(number), id_of<ConnectorId>(options_.seed, kConnector, number),
                                              key_of(2 * number + 1), key_of(2 * number + 2)}))
    CHECK_OK(run_once("enrol" + suffix + "/" + std::to_string(++step), std::move(each)));
  CHECK_OK(run_once("contract" + suffix,
                    broker::SetContract{{.id = id_of<ContractId>(options_.seed, kContract, number),
                                         .center = center.id,
                                         .terms = {.tax_bps = 600, .margin_bps = 500},
                                         .valid_from = since}}));
  broker::PublishPrices prices;
  std::uint64_t row = number * pricing::kHeldMeterCount;
  for (const auto& [meter, price, per] :
       {std::tuple{pricing::Meter::core_ms, Decimal{12 + static_cast<std::int64_t>(number), 2}, std::int64_t{3'600'000}},
        std::tuple{pricing::Meter::node_ms, Decimal{0, 0}, std::int64_t{3'600'000}},
        std::tuple{pricing::Meter::mem_mib_s, Decimal{5, 3}, std::int64_t{3'686'400}}})
    prices.rows.push_back({.id = id_of<PriceRowId>(options_.seed, kPrice, row++), .scope = {.center = center.id}, .meter = meter,
                           .price = price, .per = per, .valid_from = since});
  CHECK_OK(run_once("prices" + suffix, std::move(prices)));
  broker::ObservePools seen{.center = center.id, .online = true};
  seen.pools.push_back({.center = center.id, .name = "cpu", .arch = "x86_64", .nodes = 10'000, .cores_per_node = 64,
                        .mem_mib_per_node = 256 * 1'024, .free_cores = 640'000, .observed_at = clock_.now(), .online = true});
  CHECK_OK(run_once("", std::move(seen)));
  return engine_.read_wait([&](const broker::Market& market) {
    if (const broker::Center* known = market.center(center.id)) {
      center.seq = known->chain.seq;
      center.hash = known->chain.hash;
    }
    const std::lock_guard lock(center.mutex);
    for (const JobId job : market.outbox(center.id).orders)
      center.orders.push_back({job, market.job(job)->attempt().id, market.job(job)->attempt().fence});
  });
}

Status StubMarket::open() {
  CHECK_OK(open_accounts());
  for (std::size_t i = 0; i < centers_.size(); ++i) CHECK_OK(open_center(*centers_[i], i));
  for (auto& center : centers_) center->thread = std::thread([this, &center = *center] { run(center); });
  return {};
}

void StubMarket::stop() {
  stopping_ = true;
  for (auto& center : centers_) {
    { const std::lock_guard lock(center->mutex); }
    center->ready.notify_all();
    if (center->thread.joinable()) center->thread.join();
  }
}

void StubMarket::committed(const std::vector<broker::Event>& events) {
  std::uint64_t closed = 0;
  const broker::JobSubmitted* submitted = nullptr;  // its order follows in the same row
  for (const broker::Event& event : events) {
    if (const auto* job = std::get_if<broker::JobSubmitted>(&event)) submitted = job;
    if (std::holds_alternative<broker::JobClosed>(event)) ++closed;
    const auto* ordered = std::get_if<broker::AttemptOrdered>(&event);
    if (ordered == nullptr || submitted == nullptr || submitted->job != ordered->job) continue;
    const CenterId at = submitted->decision.plans[ordered->plan].center;
    for (auto& center : centers_) {
      if (center->id != at) continue;
      {
        const std::lock_guard lock(center->mutex);
        center->orders.push_back({ordered->job, ordered->attempt, ordered->fence});
      }
      center->ready.notify_one();
    }
  }
  closed_ += closed;
}

Command StubMarket::submission(std::uint64_t n) const {
  const std::uint64_t account = n % options_.accounts;
  return {.key = "submit/" + std::to_string(n),
          .fingerprint = n,
          .now = clock_.now(),
          .body = broker::SubmitJob{.job = job_id(options_.seed, n),
                                    .attempt = id_of<AttemptId>(options_.seed, kAttempt, n),
                                    .hold = id_of<HoldId>(options_.seed, kHold, n),
                                    .account = id_of<BillingAccountId>(options_.seed, kAccount, account),
                                    .user = id_of<UserId>(options_.seed, kUser, account),
                                    .spec = spec_of(n)}};
}

void StubMarket::run(Center& center) {
  while (true) {
    std::vector<Order> orders;
    {
      std::unique_lock lock(center.mutex);
      center.ready.wait(lock, [&] { return stopping_ || !center.orders.empty(); });
      if (stopping_) return;
      while (!center.orders.empty() && orders.size() < options_.jobs_per_report) {
        orders.push_back(center.orders.front());
        center.orders.pop_front();
      }
    }
    play(center, orders);
  }
}

// Three reports, as the stages of a job come apart in life.
void StubMarket::play(Center& center, const std::vector<Order>& orders) {
  const Instant now = clock_.now();
  const auto event = [&](const Order& order, Happening happening) {
    return broker::EventRecord{.job = order.job, .attempt = order.attempt, .fence = order.fence,
                               .order_hash = order_hash_of(order.job), .happening = happening, .at = now,
                               .scheduler_job = std::to_string(order.job.uuid.low % 1'000'000)};
  };
  std::vector<broker::ReportRecord> taken, started, ended;
  for (const Order& order : orders) {
    taken.emplace_back(event(order, Happening::accepted));
    taken.emplace_back(event(order, Happening::queued));
    started.emplace_back(event(order, Happening::started));
    broker::UsageRecord usage{.id = {Uuid{order.job.uuid.high, order.job.uuid.low ^ kUsage}},
                              .job = order.job, .attempt = order.attempt, .fence = order.fence,
                              .order_hash = order_hash_of(order.job), .start = now - kRan, .end = now, .final = true,
                              .revision = 1};
    usage.meters = pricing::readings_of({.cores = 1, .nodes = 1, .mem_mib = 1'024}, kRan);  // every job asked for as much
    ended.emplace_back(std::move(usage));
    ended.emplace_back(event(order, Happening::ended));
  }
  static_cast<void>(report(center, std::move(taken)) && report(center, std::move(started)) && report(center, std::move(ended)));
}

bool StubMarket::report(Center& center, std::vector<broker::ReportRecord> records) {
  broker::ApplyReport report{.center = center.id, .epoch = broker::kFirstEpoch, .seq = center.seq + 1, .previous = center.hash,
                             .created = clock_.now(), .records = std::move(records)};
  const std::uint64_t words[] = {center.id.uuid.low, report.seq};
  report.hash = sha256(center.hash, std::as_bytes(std::span(words)));
  const auto done = execute([&] { return Command{.now = clock_.now(), .body = report}; });
  if (!done) return false;
  center.seq = report.seq;
  center.hash = report.hash;
  ++reports_;
  quarantined_ += done->quarantined.size();
  return true;
}

}  // namespace bourse::bench
