// A year of a market: thirty centers sign two million usage records, every month is closed, and every statement verified. The
// parts are the real ones (engine, journal, projections, evidence, sealer); only the link's sockets and the clock are not.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/private_server.h"
#include "bench/year_center.h"
#include "broker/adapters/link/link_server.h"
#include "broker/adapters/statement/sealer/sealer.h"
#include "broker/adapters/statement/statement.h"
#include "broker/adapters/store/pg_blob_store.h"
#include "broker/adapters/store/pg_evidence_log.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/adapters/store/verify.h"
#include "broker/domain/enrolment.h"

namespace bourse::bench {
namespace {

constexpr std::size_t kYearCenters = 30;
constexpr std::size_t kJobsADay = 46;  // at each center: with four records a job two million in a year
constexpr std::size_t kLateOneIn = 20;  // jobs whose last records come the day after
constexpr const char* kMarket = "bourse.bench";

// Stands where the year is; waiting is done in real time.
class CalendarClock final : public Clock {
 public:
  explicit CalendarClock(Instant start) : now_ms_(start.unix_ms) {}
  Instant now() const override { return {now_ms_.load()}; }
  Duration monotonic() const override { return real_.monotonic(); }
  void set(Instant to) { now_ms_ = to.unix_ms; }

 private:
  SystemClock real_;
  std::atomic<std::int64_t> now_ms_;
};

struct Year {
  explicit Year(const PrivateServer& from, const BenchOptions& options)
      : server(from), days(options.days), start(*parse_instant("2026-01-01T00:00:00Z")), clock(start) {}

  Status open();
  Status trade_day(std::int64_t day);
  Status close_month();
  Status verify_all();
  Status execute(broker::CommandBody body, std::string key = {});
  // Submits together, so that they share commits.
  Status submit(const std::vector<broker::SubmitJob>& wanted);
  Status order(YearCenter& center, const std::vector<JobId>& jobs);

  const PrivateServer& server;
  const std::int64_t days;
  const Instant start;
  CalendarClock clock;
  SystemRng rng;
  std::unique_ptr<broker::PgJournal> journal;
  std::optional<broker::PgBlobStore> blobs;
  std::optional<broker::PgEvidenceLog> evidence;
  federation::KeyPair ack;
  std::optional<broker::Notary> notary;
  std::optional<broker::Engine> engine;
  std::optional<broker::Projector> projector;
  std::optional<broker::Sealer> sealer;
  std::vector<YearCenter> centers;
  std::uint64_t jobs = 0, records = 0, statements = 0, lines = 0, bytes = 0, adjustments = 0;
  std::int64_t closing_ms = 0, verifying_ms = 0;
};

const auto kAccount = BillingAccountId{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0001ULL}};
const auto kUser = UserId{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0002ULL}};
const auto kTenant = TenantId{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0003ULL}};

Status Year::execute(broker::CommandBody body, std::string key) {
  auto done = engine->execute({.key = std::move(key), .fingerprint = 1, .now = clock.now(), .body = std::move(body)});
  if (!done) return std::unexpected(done.error());
  return {};
}

Status Year::open() {
  TRY(journal, broker::PgJournal::open(server.postgres().conninfo("bourse_writer")));
  blobs.emplace(server.postgres().conninfo("bourse_writer"));
  evidence.emplace(server.postgres().conninfo("bourse_writer"));
  ack = federation::make_key_pair(rng);
  const broker::SigningKey signing{.secret = ack.secret, .public_key = ack.public_key};
  notary.emplace(kMarket, *evidence, signing, clock);
  engine.emplace(broker::EngineOptions{}, *journal, clock, rng);
  projector.emplace(broker::ProjectorOptions{.conninfo = server.postgres().conninfo("bourse_projector")});
  sealer.emplace(broker::SealerOptions{.market = kMarket, .reader_conninfo = server.postgres().conninfo("bourse_reader")}, *engine, *blobs,
                 *notary, signing, clock, [this](std::uint64_t position, Duration timeout) -> Status {
                   if (projector->wait_for(position, timeout)) return {};
                   return fail(ErrorCode::timeout, projector->status().error);
                 });
  engine->on_committed([this](std::uint64_t position, const std::vector<broker::Event>& events) {
    projector->notify(position);
    sealer->committed(position, events);
  });
  CHECK_OK(engine->start());
  CHECK_OK(projector->start());
  sealer->start();
  CHECK_OK(execute(broker::OpenBillingAccount{kAccount, kTenant, "physics", kCny, kUser}));
  CHECK_OK(execute(broker::FundAccount{kAccount, Amount::whole(100'000'000), TransferId::make(start, rng), Uuid{1, 1}}, "fund"));
  for (std::size_t n = 0; n < kYearCenters; ++n) {
    YearCenter& center = centers.emplace_back(n, rng, start);
    std::size_t step = 0;
    for (broker::CommandBody& each : broker::enrolment(center.admission()))
      CHECK_OK(execute(std::move(each), "enrol/" + std::to_string(n) + "/" + std::to_string(++step)));
    CHECK_OK(execute(center.contract(start, rng), "contract/" + std::to_string(n)));
    CHECK_OK(execute(center.prices(start, rng), "prices/" + std::to_string(n)));
    CHECK_OK(execute(center.pools(start)));
  }
  return {};
}

Status Year::submit(const std::vector<broker::SubmitJob>& wanted) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t answered = 0;
  std::optional<Error> error;
  for (const broker::SubmitJob& job : wanted)
    CHECK_OK(engine->submit({.key = {}, .fingerprint = 0, .now = clock.now(), .body = job}, [&](const Result<broker::CommandResult>& done) {
      const std::lock_guard lock(mutex);
      if (!done) error = done.error();
      ++answered;
      changed.notify_one();
    }));
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return answered == wanted.size(); });
  if (error) return std::unexpected(*error);
  return {};
}

// What the link does when it sends orders: their bytes become evidence, and their hashes what reports name.
Status Year::order(YearCenter& center, const std::vector<JobId>& ids) {
  std::vector<std::string> orders;
  std::vector<YearCenter::Run> runs;
  CHECK_OK(engine->read_wait([&](const broker::Market& market) {
    for (const JobId id : ids) {
      const broker::Job& job = *market.job(id);
      orders.push_back(broker::order_bytes(job));
      runs.push_back({.job = id, .attempt = job.attempt().id, .fence = job.attempt().fence, .order = {}, .held = job.plan().allocation});
    }
  }));
  std::vector<std::span<const std::byte>> stored;
  std::vector<broker::EvidenceItem> items;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    stored.push_back(std::as_bytes(std::span(orders[i])));
    items.push_back(broker::evidence_of(center.id(), broker::EvidenceKind::order, orders[i]));
    runs[i].order = items.back().name;
  }
  TRY(const auto hashes, blobs->put_all(broker::BlobKind::order, stored));
  CHECK_OK(evidence->append(items));
  center.take(std::move(runs));
  return {};
}

// A day: every center gets its jobs in the morning, reads their meters four times, and tells of a few a day late.
Status Year::trade_day(std::int64_t day) {
  const Instant midnight = start + hours(24 * day);
  const auto report_at = [&](Duration of_day, auto&& records_of) -> Status {
    clock.set(midnight + of_day);
    for (YearCenter& center : centers) {
      std::vector<broker::ReportRecord> said = records_of(center);
      if (said.empty()) continue;
      TRY(const SignedReport report, center.sign(kMarket, std::move(said), clock.now()));
      const std::span<const std::byte> envelope = std::as_bytes(std::span(report.envelope));
      TRY(const auto hashes, blobs->put_all(broker::BlobKind::report, std::span(&envelope, 1)));
      CHECK_OK(evidence->append(std::span(&report.evidence, 1)));
      const auto done = engine->execute({.key = {}, .fingerprint = 0, .now = clock.now(), .body = report.command});
      if (!done) return std::unexpected(done.error());
      if (!done->quarantined.empty()) return fail(ErrorCode::integrity, "a record was set aside");
      records += report.usage_records;
    }
    return {};
  };
  CHECK_OK(report_at(hours(2), [&](YearCenter& c) { return c.late(); }));
  clock.set(midnight + hours(5));
  std::vector<broker::SubmitJob> wanted;
  for (const YearCenter& center : centers)
    for (std::size_t i = 0; i < kJobsADay; ++i)
      wanted.push_back({.job = JobId::make(clock.now(), rng), .attempt = AttemptId::make(clock.now(), rng), .hold = HoldId::make(clock.now(), rng),
                        .account = kAccount, .user = kUser, .quote = {}, .spec = center.spec(jobs++)});
  CHECK_OK(submit(wanted));
  for (std::size_t n = 0; n < centers.size(); ++n) {
    std::vector<JobId> ids;
    for (std::size_t i = 0; i < kJobsADay; ++i) ids.push_back(wanted[n * kJobsADay + i].job);
    CHECK_OK(order(centers[n], ids));
  }
  CHECK_OK(report_at(hours(6), [&](YearCenter& c) { return c.starts(clock.now()); }));
  for (const int hour : {9, 13, 17}) CHECK_OK(report_at(hours(hour), [&](YearCenter& c) { return c.reads(clock.now(), rng); }));
  return report_at(hours(20), [&](YearCenter& c) { return c.ends(clock.now(), kLateOneIn, rng); });
}

Status Year::close_month() {
  const std::int64_t began = clock.monotonic().ms;
  std::vector<PeriodId> closing;
  for (const YearCenter& center : centers) {
    CHECK_OK(engine->read_wait([&](const broker::Market& market) { closing.push_back(market.center(center.id())->open_period); }));
    CHECK_OK(execute(broker::ClosePeriod{.center = center.id(), .next = {}}));
  }
  for (const PeriodId period : closing) CHECK_OK(sealer->wait_sealed(period, minutes(10)));
  closing_ms += clock.monotonic().ms - began;
  return {};
}

Status Year::verify_all() {
  const std::int64_t began = clock.monotonic().ms;
  std::vector<Hash256> files;
  CHECK_OK(engine->read_wait([&](const broker::Market& market) {
    for (const YearCenter& center : centers)
      for (const broker::Period* period : market.periods(center.id()))
        if (!period->statement.is_zero()) files.push_back(period->statement);
  }));
  for (const Hash256& file : files) {
    TRY(const auto content, blobs->get(broker::BlobKind::statement, file));
    const auto verdict = statement::verify({reinterpret_cast<const char*>(content.data()), content.size()}, ack.public_key);
    if (!verdict.ok) return fail(ErrorCode::verification_failed, verdict.differences.front());
    ++statements;
    lines += verdict.lines;
    bytes += content.size();
  }
  verifying_ms = clock.monotonic().ms - began;
  return {};
}

}  // namespace

Result<nlohmann::json> run_year(const BenchOptions& options) {
  TRY(const auto server, PrivateServer::start());
  Year year(server, options);
  CHECK_OK(year.open());
  const std::int64_t began = year.clock.monotonic().ms;
  int month = 1;
  for (std::int64_t day = 0; day < year.days; ++day) {
    const Instant today = year.start + hours(24 * day);
    const int this_month = std::stoi(to_text(today).substr(5, 2));
    if (this_month != month) {
      CHECK_OK(year.close_month());
      say("month " + std::to_string(month) + " closed: " + std::to_string(year.records) + " usage records after " +
          std::to_string((year.clock.monotonic().ms - began) / 1000) + " s");
      month = this_month;
    }
    CHECK_OK(year.trade_day(day));
  }
  year.clock.set(year.start + hours(24 * year.days));
  CHECK_OK(year.close_month());
  const std::int64_t traded_ms = year.clock.monotonic().ms - began;
  say("verifying every statement…");
  CHECK_OK(year.verify_all());
  const std::int64_t before = year.clock.monotonic().ms;
  TRY(const auto verified, broker::verify_ledger(server.postgres().conninfo("bourse_reader"), broker::Limits{}, &*year.engine));
  if (!verified.ok()) return fail(ErrorCode::integrity, verified.differences.empty() ? "" : verified.differences.front());
  const std::int64_t replay_ms = year.clock.monotonic().ms - before;
  year.sealer->stop();
  year.engine->stop();
  year.projector->stop();
  return nlohmann::json{{"bench", "year"},          {"days", year.days},
                        {"centers", kYearCenters},      {"jobs", year.jobs},
                        {"usage_records", year.records}, {"statements", year.statements},
                        {"lines", year.lines},      {"statement_bytes", year.bytes},
                        {"traded_ms", traded_ms},   {"closing_ms", year.closing_ms},
                        {"verifying_ms", year.verifying_ms}, {"replay_ms", replay_ms},
                        {"verified", true}};
}

}  // namespace bourse::bench
