// The engine's work without its thread and without a disk: decide, encode, hash and keep a row, answer.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <deque>

#include "base/sha256.h"
#include "broker/app/commands_for_test.h"
#include "broker/app/committer.h"
#include "broker/app/memory_journal.h"
#include "broker/domain/enrolment.h"

namespace bourse::broker {
namespace {

using testing::command;
using testing::id_of;
constexpr Instant kNow{1'800'000'000'000};

// Forgets rows, so that the benchmark measures the engine and not the memory of a journal.
class NullJournal final : public Journal {
 public:
  Result<JournalHead> take_over() override { return head_; }
  Result<JournalHead> append(std::span<const std::byte> body, Instant at) override {
    row_.seq = head_.seq + 1;
    row_.at = at;
    row_.previous = head_.hash;
    row_.body.assign(body.begin(), body.end());
    head_ = {row_.seq, row_hash(row_)};
    return head_;
  }
  std::optional<Snapshot> newest_snapshot() override { return std::nullopt; }
  Status save_snapshot(const Snapshot&) override { return {}; }
  Status replay(JournalHead, const std::function<Status(const JournalRow&)>&) override { return {}; }

 private:
  JournalRow row_;
  JournalHead head_;
};

struct Bench {
  Bench() { (void)committer.recover(); }
  void run(CommandBody body) {
    Committer::Item item{command(now, std::move(body)), [](Result<CommandResult> result) {
                           if (!result) std::abort();
                         }};
    committer.run(std::span(&item, 1));
  }
  ManualClock clock{kNow};
  Instant now = kNow;
  NullJournal journal;
  Committer committer{{}, journal, clock};
  std::uint64_t serial = 1'000'000;
};

// `transfers` in one command, 8,000 in a row.
void post_transfers(benchmark::State& state) {
  constexpr std::uint64_t kAccounts = 10'000;
  constexpr std::size_t kRow = 8'000;
  const auto per_command = static_cast<std::size_t>(state.range(0));
  Bench bench;
  PostTransfers open;
  for (std::uint64_t i = 0; i < kAccounts; ++i)
    open.open.push_back({.account = id_of<LedgerAccountId>(i), .unit = kCny, .code = ledger::AccountCode::wallet});
  bench.run(open);
  std::uint64_t random = 1;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Committer::Item> items;
    for (std::size_t done = 0; done < kRow; done += per_command) {
      PostTransfers post;
      for (std::size_t i = 0; i < per_command; ++i) {
        random = random * 6'364'136'223'846'793'005ULL + 1;
        const std::uint64_t from = (random >> 33U) % kAccounts;
        post.transfers.push_back({.id = id_of<TransferId>(++bench.serial),
                                  .debit = id_of<LedgerAccountId>(from),
                                  .credit = id_of<LedgerAccountId>((from + 1) % kAccounts),
                                  .amount = Amount::of_micros(1)});
      }
      items.push_back(
          {command(kNow, std::move(post)), [](const Result<CommandResult>& r) { benchmark::DoNotOptimize(r); }});
    }
    state.ResumeTiming();
    bench.committer.run(items);
  }
  state.counters["transfers_per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kRow), benchmark::Counter::kIsRate);
}
BENCHMARK(post_transfers)->Arg(1)->Arg(100)->Arg(8'000)->MinTime(1.0);

constexpr std::uint64_t kAccount = 1;
const CenterId kCenter = id_of<CenterId>(1);

void open_market(Bench& bench) {
  bench.run(testing::open_account(kAccount));
  bench.run(testing::fund(kAccount, 1, 1'000'000'000));
  for (CommandBody& step : enrolment({kCenter, "center", id_of<ConnectorId>(1), {1}, {2}})) bench.run(std::move(step));
  bench.run(SetContract{{id_of<ContractId>(1), kCenter, kCny, {600, 1000}, kNow, {}}});
  PublishPrices prices;
  for (const auto meter : pricing::kHeldMeters)
    prices.rows.push_back({.id = id_of<PriceRowId>(++bench.serial),
                           .meter = meter,
                           .price = {36, 2},
                           .per = 3'600'000,
                           .valid_from = kNow});
  bench.run(prices);
  routing::Pool pool{.name = "batch", .arch = "x86_64", .nodes = 1000, .cores_per_node = 64};
  pool.mem_mib_per_node = 1 << 18;
  pool.free_cores = 64'000;
  bench.run(ObservePools{kCenter, true, {pool}});
}

std::vector<JobId> submit(Bench& bench, std::size_t count) {
  static const JobSpec spec{.name = "job",
                            .script = sha256("script"),
                            .need = {.cores = 1, .nodes = 1, .mem_mib = 1024},
                            .walltime = hours(1)};
  std::vector<Committer::Item> items;
  std::vector<JobId> jobs;
  for (std::size_t i = 0; i < count; ++i) {
    jobs.push_back(id_of<JobId>(++bench.serial));
    SubmitJob submission{jobs.back(),
                         id_of<AttemptId>(++bench.serial),
                         id_of<HoldId>(++bench.serial),
                         id_of<BillingAccountId>(kAccount),
                         id_of<UserId>(kAccount),
                         {},
                         spec};
    items.push_back({command(kNow, std::move(submission), "user/" + std::to_string(bench.serial)), {}});
  }
  bench.committer.run(items);
  return jobs;
}

// One report in which all of them start, end and have used a minute.
ApplyReport report_of(Bench& bench, const std::vector<JobId>& jobs) {
  const Market& market = bench.committer.market();
  const ReportChain& chain = market.center(kCenter)->chain;
  ApplyReport report{.center = kCenter, .epoch = kFirstEpoch, .seq = chain.seq + 1, .previous = chain.hash};
  report.created = kNow;
  report.hash = sha256(std::to_string(report.seq));
  const Hash256 order = sha256("order");
  for (const JobId job : jobs) {
    const AttemptId attempt = market.job(job)->attempt().id;
    EventRecord event{.job = job, .attempt = attempt, .fence = 1, .order_hash = order, .at = kNow};
    for (const Happening happening : {Happening::accepted, Happening::started, Happening::ended}) {
      event.happening = happening;
      report.records.emplace_back(event);
    }
    UsageRecord usage{.id = id_of<UsageRecordId>(++bench.serial), .job = job, .attempt = attempt, .fence = 1};
    usage.order_hash = order;
    usage.start = kNow;
    usage.end = kNow + seconds(60);
    usage.final = true;
    usage.revision = 1;
    usage.meters = pricing::readings_of(market.job(job)->plan().allocation, seconds(60));
    report.records.emplace_back(std::move(usage));
  }
  return report;
}

// Submitted, held, routed, ordered, accepted, started, ended, charged, closed: 200 jobs at a time.
void whole_jobs(benchmark::State& state) {
  constexpr std::size_t kBatch = 200;
  Bench bench;
  open_market(bench);
  for (auto _ : state) {
    bench.run(report_of(bench, submit(bench, kBatch)));
    if (bench.committer.market().live_jobs() != 0) state.SkipWithError("a job did not close");
  }
  const double jobs = static_cast<double>(state.iterations() * kBatch);
  state.counters["jobs_per_s"] = benchmark::Counter(jobs, benchmark::Counter::kIsRate);
  state.counters["bytes_per_job"] = static_cast<double>(bench.committer.counts().journal_bytes) / jobs;
}
BENCHMARK(whole_jobs)->MinTime(1.0);

// An array, submitted and dispatched: how long its submission and the longest of its steps keep others waiting.
void array(benchmark::State& state) {
  const auto last = static_cast<std::uint32_t>(state.range(0) - 1);
  const SystemClock watch;
  Duration submission, longest, all;
  for (auto _ : state) {
    Bench bench;
    open_market(bench);
    JobSpec spec{.name = "job", .script = sha256("script"), .need = {.cores = 1, .nodes = 1, .mem_mib = 1024}, .walltime = hours(1)};
    spec.array.ranges = {{0, last, 1}};
    const Duration begun = watch.monotonic();
    bench.run(SubmitJob{id_of<JobId>(++bench.serial), id_of<AttemptId>(++bench.serial), id_of<HoldId>(++bench.serial),
                        id_of<BillingAccountId>(kAccount), id_of<UserId>(kAccount), {}, spec});
    submission = std::max(submission, watch.monotonic() - begun);
    while (bench.committer.market().has_work()) {
      const Duration before = watch.monotonic();
      bench.run(Advance{});
      longest = std::max(longest, watch.monotonic() - before);
    }
    all = watch.monotonic() - begun;
    if (bench.committer.market().live_jobs() != static_cast<std::size_t>(state.range(0))) state.SkipWithError("elements are missing");
  }
  state.counters["submission_ms"] = static_cast<double>(submission.ms);
  state.counters["longest_step_ms"] = static_cast<double>(longest.ms);
  state.counters["all_ms"] = static_cast<double>(all.ms);
}
BENCHMARK(array)->Arg(10'000)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bourse::broker
