// A million usage records: delivered in disorder, three times over, some after their period was closed, one center lying.
// What is captured must be what one delivery in order captures. BOURSE_SEED=n runs another seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/rng.h"
#include "base/sha256.h"
#include "broker/domain/enrolment.h"
#include "broker/domain/market.h"

namespace bourse::broker::sim {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kCenters = 20;
#else
constexpr std::uint64_t kCenters = 200;
#endif
constexpr std::uint64_t kJobs = 50;         // a center
constexpr std::uint32_t kRevisions = 100;   // a job
constexpr std::uint64_t kLiar = 7;          // the center that signs two reports with one number
constexpr std::uint32_t kLie = 60;          // from which revision on
constexpr int kTimes = 3;                   // every report is delivered at least so often
constexpr std::size_t kWindow = 12;         // reports of a center under way at once
constexpr Instant kDawn{1'800'000'000'000};

template <class IdType>
IdType flood_id(std::uint64_t kind, std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL | kind << 16, 0x8000'0000'0000'0000ULL | n}};
}

// What was captured, by attempt: over all periods, and the newest line of each price row.
struct Captured {
  Amount gross, center, margin, tax;
  std::map<PriceRowId, Amount> rows;
  bool operator==(const Captured&) const = default;
};

class Flood {
 public:
  explicit Flood(std::uint64_t seed) : rng_(seed) {
    open();
    for (std::uint64_t c = 0; c < kCenters; ++c) write_reports(c);
    now_ = kDawn + hours(2);
  }

  // Every report once, in order.
  void in_order() {
    for (auto& reports : reports_)
      for (const ApplyReport& report : reports) static_cast<void>(decide(report));
  }

  // Each center's reports out of a window, at random and again and again, until all are acknowledged or it is quarantined; and
  // each of them at least three times in all.
  void in_disorder() {
    std::vector<std::uint64_t> open;
    std::vector<std::vector<int>> times;
    for (std::uint64_t c = 0; c < kCenters; ++c) {
      open.push_back(c);
      times.emplace_back(reports_[c].size());
    }
    while (!open.empty()) {
      const std::size_t turn = rng_.below(open.size());
      const std::uint64_t c = open[turn];
      const Center& center = *market_.center(flood_id<CenterId>(1, c));
      const std::uint64_t done = center.chain.seq;
      if (done == reports_[c].size() || center.state == CenterState::quarantined) {
        for (std::size_t n = 0; n < times[c].size(); ++n)
          while (times[c][n]++ < kTimes) send(reports_[c][n]);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(turn));
        continue;
      }
      const std::uint64_t first = done > kWindow ? done - kWindow : 0;  // some were acknowledged and are sent again
      const std::uint64_t last = std::min<std::uint64_t>(reports_[c].size(), done + kWindow);
      const std::uint64_t next = rng_.below(2) == 0 ? done : first + rng_.below(last - first);
      ++times[c][next];
      send(reports_[c][next]);
      if (rng_.below(20) == 0) static_cast<void>(decide(ClosePeriod{center.id, {}}));  // what follows is late for it
    }
  }

  void send(const ApplyReport& report) {
    const auto result = decide(report);
    ++sent_;
    refused_ += result ? 0 : 1;
    repeated_ += result && result->repeated ? 1 : 0;
  }

  void lie() {
    ApplyReport other = reports_[kLiar][kLie];
    other.seq = kLie;  // which another report had
    reports_[kLiar].insert(reports_[kLiar].begin() + kLie, other);
  }

  const Market& market() const { return market_; }
  const std::map<AttemptId, Captured>& captured() const { return captured_; }
  bool of_liar(AttemptId attempt) const { return liars_.contains(attempt); }
  std::uint64_t sent_ = 0, refused_ = 0, repeated_ = 0, late_ = 0;

 private:
  Result<CommandResult> decide(CommandBody body) {
    return market_.decide({.now = now_, .body = std::move(body)}, [this](Event&& event) {
      const auto* used = std::get_if<UsageCaptured>(&event);
      if (used == nullptr) return;
      Captured& sum = captured_[used->attempt];
      sum.gross += used->gross;
      sum.center += used->center_share;
      sum.margin += used->margin;
      sum.tax += used->tax;
      for (const pricing::RatedLine& line : used->lines) sum.rows[line.row] = line.amount;
      late_ += used->adjusts.is_nil() ? 0 : 1;
    });
  }
  void must(CommandBody body) {
    const auto result = decide(std::move(body));
    ASSERT_TRUE(result) << result.error().message();
  }

  void open() {
    const auto account = flood_id<BillingAccountId>(2, 1);
    must(OpenBillingAccount{account, flood_id<TenantId>(3, 1), "flood", kCny, flood_id<UserId>(4, 1)});
    must(FundAccount{account, Amount::whole(1'000'000'000), flood_id<TransferId>(5, 1), Uuid{1, 1}});
    for (std::uint64_t c = 0; c < kCenters; ++c) {
      const auto center = flood_id<CenterId>(1, c);
      EnrolCenter enrol{center, "center-" + std::to_string(c), flood_id<ConnectorId>(6, c)};
      enrol.identity_key.fill(static_cast<std::uint8_t>(c));
      enrol.identity_key[0] = 1;
      enrol.billing_key = enrol.identity_key;
      enrol.billing_key[0] = 2;
      for (CommandBody& step : enrolment(enrol)) must(std::move(step));
      must(SetContract{{.id = flood_id<ContractId>(7, c), .center = center, .unit = kCny,
                        .terms = {.tax_bps = 600, .margin_bps = static_cast<std::int32_t>(rng_.below(2000))},
                        .valid_from = kDawn}});
      PublishPrices prices;
      for (const auto meter : pricing::kHeldMeters)
        prices.rows.push_back({.id = flood_id<PriceRowId>(8, c * 10 + static_cast<std::uint64_t>(meter)),
                               .scope = {.center = center}, .meter = meter,
                               .price = {static_cast<std::int64_t>(rng_.below(100'000)), 5}, .per = 3'600'000, .valid_from = kDawn});
      must(prices);
      must(ObservePools{center, true, {{.center = center, .name = "cpu", .arch = "x86_64", .nodes = 100, .cores_per_node = 64,
                                        .mem_mib_per_node = 65'536, .online = true}}});
    }
  }

  // Report 1: every job accepted and started. Report k + 1: revision k of every job, the last one final.
  void write_reports(std::uint64_t c) {
    const auto center = flood_id<CenterId>(1, c);
    std::vector<const Job*> jobs;
    for (std::uint64_t j = 0; j < kJobs; ++j) {
      const std::uint64_t n = c * kJobs + j + 1;
      JobSpec spec{.name = "flood", .need = {.cores = 1 + static_cast<std::int64_t>(rng_.below(32)), .nodes = 1, .mem_mib = 1024},
                   .walltime = minutes(kRevisions), .center = center};
      spec.script.bytes.fill(1);
      must(SubmitJob{flood_id<JobId>(9, n), flood_id<AttemptId>(10, n), flood_id<HoldId>(11, n), flood_id<BillingAccountId>(2, 1),
                     flood_id<UserId>(4, 1), {}, spec});
      jobs.push_back(market_.job(flood_id<JobId>(9, n)));
      if (c == kLiar) liars_.insert({jobs.back()->attempt().id, true});
    }
    std::vector<ApplyReport>& reports = reports_.emplace_back();
    for (std::uint32_t revision = 0; revision <= kRevisions; ++revision) {
      ApplyReport report{.center = center, .epoch = kFirstEpoch, .seq = revision + 1,
                         .hash = sha256(std::to_string(c) + "/" + std::to_string(revision)),
                         .previous = revision == 0 ? Hash256{} : reports.back().hash, .created = kDawn};
      for (const Job* job : jobs) add_records(*job, revision, report);
      reports.push_back(std::move(report));
    }
  }

  void add_records(const Job& job, std::uint32_t revision, ApplyReport& report) {
    const Attempt& attempt = job.attempt();
    const Hash256 order = sha256("order " + to_text(attempt.id));
    const auto happens = [&](Happening happening) {
      report.records.push_back(EventRecord{job.id, attempt.id, attempt.fence, order, happening, kDawn, "1", 0, ""});
    };
    if (revision == 0) return happens(Happening::started);
    if (revision == kRevisions) happens(Happening::ended);
    const Duration ran = minutes(revision);
    report.records.push_back(UsageRecord{.id = flood_id<UsageRecordId>(12, job.id.uuid.low * 1000 + revision),
                                         .job = job.id, .attempt = attempt.id, .fence = attempt.fence, .order_hash = order,
                                         .scheduler_job = "1", .start = kDawn, .end = kDawn + ran, .final = revision == kRevisions,
                                         .revision = revision, .meters = pricing::readings_of(job.plan().allocation, ran)});
  }

  SeededRng rng_;
  Instant now_ = kDawn;
  Market market_{{.ended_jobs = kCenters * kJobs}};
  std::vector<std::vector<ApplyReport>> reports_;
  std::map<AttemptId, Captured> captured_;
  std::map<AttemptId, bool> liars_;
};

TEST(Flood, DisorderCapturesWhatOrderDoes) {
  const char* given = std::getenv("BOURSE_SEED");
  const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  std::cout << "BOURSE_SEED=" << seed << "\n";
  Flood order(seed), disorder(seed);
  order.in_order();
  disorder.lie();
  disorder.in_disorder();

  EXPECT_EQ(disorder.market().center(flood_id<CenterId>(1, kLiar))->state, CenterState::quarantined);
  ASSERT_EQ(order.captured().size(), kCenters * kJobs);
  std::uint64_t compared = 0;
  for (const auto& [attempt, captured] : order.captured()) {
    if (order.of_liar(attempt)) continue;
    const auto found = disorder.captured().find(attempt);
    ASSERT_NE(found, disorder.captured().end()) << to_text(attempt);
    ASSERT_EQ(found->second, captured) << to_text(attempt);
    ++compared;
  }
  EXPECT_EQ(compared, (kCenters - 1) * kJobs);
  EXPECT_GE(disorder.sent_, kTimes * kCenters * kRevisions);
  EXPECT_GT(disorder.repeated_, kCenters * kRevisions);
  EXPECT_GT(disorder.refused_, kCenters * kRevisions / 10);
  EXPECT_GT(disorder.late_, kCenters * kJobs * kRevisions / 20);
  for (const Center* center : disorder.market().centers()) {
    const auto* payable = disorder.market().ledger().account(
        Market::platform_account(ledger::AccountCode::center_payable, kCny, center->id.uuid));
    EXPECT_EQ(payable->balance(), disorder.market().period(center->open_period)->closing()) << center->name;
  }
  std::cout << kCenters * kJobs * kRevisions << " usage records; " << disorder.sent_ << " deliveries of reports, "
            << disorder.repeated_ << " repeats, " << disorder.refused_ << " out of order, " << disorder.late_
            << " records booked after their period\n";
}

}  // namespace
}  // namespace bourse::broker::sim
