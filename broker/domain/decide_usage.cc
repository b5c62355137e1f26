// Signed usage: what a center may charge for. A record that fails any check is set aside and changes nothing.
#include <algorithm>
#include <span>
#include <vector>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/renewal.h"

namespace bourse::broker {
namespace {

constexpr Duration kOrderSlack = minutes(5);     // how far a center's clock may be before ours, or ours before its
constexpr Duration kGrace = minutes(2);     // beyond walltime: schedulers round to minutes and take their time to kill
constexpr Duration kRounding = seconds(1);  // an interval may have been cut to whole seconds at both ends

std::string reading_text(pricing::Meter meter, std::int64_t value, std::string_view relation, std::int64_t bound) {
  return std::string(pricing::name(meter)) + " " + std::to_string(value) + " " + std::string(relation) + " " +
         std::to_string(bound);
}

// Readings less what lies beyond the walltime: recorded, and not charged.
pricing::Readings within_walltime(const pricing::Readings& reported, const pricing::Allocation& allocation,
                                  Duration walltime) {
  const pricing::Readings most = pricing::readings_of(allocation, walltime);
  pricing::Readings charged;
  for (const pricing::Meter meter : pricing::kHeldMeters) charged[meter] = std::min(reported[meter], most[meter]);
  return charged;
}

// What the readings come to by the plan's rows, and by those of its center. Cumulative, a pure function of plan and readings.
struct Sum {
  pricing::Rating rating;
  Amount settled;  // where the plan has settlement rows
};
Result<pricing::Rating> rating_of(const Plan& plan, const pricing::Readings& charged, std::span<const pricing::PriceRow> rows,
                                  const std::vector<std::int64_t>& windowed) {
  if (!pricing::by_windows(rows)) return pricing::rate_held(charged, plan.allocation, plan.totals, rows);
  if (windowed.empty()) return pricing::rate_quantities(std::vector<std::int64_t>(rows.size()), rows);
  return pricing::rate_quantities(windowed, rows);
}
Result<Sum> sum_of(const Plan& plan, const pricing::Readings& charged, const WindowedUse& windowed) {
  Sum sum;
  TRY(sum.rating, rating_of(plan, charged, plan.rows, windowed.sold));
  if (plan.settlement.empty()) return sum;
  TRY(const pricing::Rating settled, rating_of(plan, charged, plan.settlement, windowed.settled));
  sum.settled = settled.total;
  return sum;
}

// Where the attempt's rows have windows: what falls to each of them up to `record`, within the walltime.
Result<WindowedUse> use_of(const Job& job, const UsageRecord& record) {
  const Plan& plan = job.plan();
  const Attempt& attempt = job.attempt();
  WindowedUse use = attempt.windowed;
  if (!pricing::by_windows(plan.rows) && !pricing::by_windows(plan.settlement)) return use;
  if (record.meters == pricing::Readings{}) return use;
  const auto within = [&](const pricing::Readings& readings) { return within_walltime(readings, plan.allocation, job.spec.walltime); };
  const Instant from = use.at == Instant{} ? record.start : use.at;
  std::vector<pricing::ReadingAt> taken;
  for (const pricing::ReadingAt& reading : record.readings) taken.push_back({reading.at, within(reading.cumulative)});
  taken.push_back({std::max(from, record.end), within(record.meters)});
  const auto spread = [&](const std::vector<pricing::PriceRow>& rows, std::vector<std::int64_t>& quantities) -> Status {
    if (!pricing::by_windows(rows)) return {};
    if (quantities.empty()) quantities.assign(rows.size(), 0);
    TRY(pricing::Spread on, pricing::spread_on({from, within(attempt.usage), std::move(quantities)}, taken, rows));
    quantities = std::move(on.quantities);
    return {};
  };
  CHECK_OK(spread(plan.rows, use.sold));
  CHECK_OK(spread(plan.settlement, use.settled));
  use.at = taken.back().at;
  return use;
}

// Whose `money` is: of the sale in money, or of the packages that paid in 度.
pricing::Split parts_of(const Plan& plan, Amount money, Amount settled) {
  if (plan.settlement.empty()) return pricing::split(money, plan.terms);
  return pricing::split_settled(money, settled, plan.terms, plan.may_subsidise);
}

pricing::Split operator-(const pricing::Split& a, const pricing::Split& b) {
  return {a.center - b.center, a.margin - b.margin, a.tax - b.tax};
}

}  // namespace

std::optional<Decider::SetAside> Decider::check_usage(const Job& job, const UsageRecord& record) const {
  const Attempt& attempt = job.attempt();
  const auto aside = [](QuarantineCode code, std::string detail) { return SetAside{code, std::move(detail)}; };
  if (attempt.usage_final) return aside(QuarantineCode::after_final, {});
  // Of an attempt that never started, a center may still state that nothing was used.
  const bool states_nothing = record.final && record.meters == pricing::Readings{};
  if (!attempt.started_at && !(attempt.ended_at && (states_nothing || attempt.happened == Happening::ended)))
    return aside(QuarantineCode::before_start, {});
  if (attempt.closed && !states_nothing) return aside(QuarantineCode::after_final, "the attempt is closed");
  if (record.revision != attempt.usage_revision + 1)
    return aside(QuarantineCode::revision_skip, "expected revision " + std::to_string(attempt.usage_revision + 1));
  if (record.start > record.end) return aside(QuarantineCode::bad_interval, "it starts after its end");
  if (record.start < attempt.ordered_at - kOrderSlack && !states_nothing)
    return aside(QuarantineCode::bad_interval, "it starts before it was ordered");
  if (auto aside_ = check_readings(job, record)) return aside_;
  return check_edges(job, record);
}

// Readings between the record before and this one: in order, and between two of them no more than can have run. Where the
// rows have no windows they say nothing, and are passed over.
std::optional<Decider::SetAside> Decider::check_edges(const Job& job, const UsageRecord& record) const {
  if (record.readings.size() > kMaxReadings) return SetAside{QuarantineCode::bad_interval, "too many readings in a record"};
  const Plan& plan = job.plan();
  if (!pricing::by_windows(plan.rows) && !pricing::by_windows(plan.settlement)) return std::nullopt;
  const Attempt& attempt = job.attempt();
  pricing::ReadingAt last{attempt.windowed.at == Instant{} ? record.start : attempt.windowed.at, attempt.usage};
  std::vector<pricing::ReadingAt> all = record.readings;
  all.push_back({std::max(last.at, record.end), record.meters});
  for (const pricing::ReadingAt& reading : all) {
    if (reading.at < last.at || reading.at > all.back().at)
      return SetAside{QuarantineCode::bad_interval, "the reading at " + to_text(reading.at) + " is out of order"};
    // Centers see their schedulers now and then, and round: by as much as a run may exceed its walltime.
    const pricing::Readings most = pricing::readings_of(plan.allocation, reading.at - last.at + kGrace);
    for (const pricing::Meter meter : pricing::kHeldMeters) {
      const std::int64_t value = reading.cumulative[meter], before = last.cumulative[meter];
      if (value < before) return SetAside{QuarantineCode::decreasing, reading_text(meter, value, "after", before)};
      if (value - before > most[meter]) return SetAside{QuarantineCode::above_caps, reading_text(meter, value - before, "above", most[meter])};
    }
    last = reading;
  }
  return std::nullopt;
}

std::optional<Decider::SetAside> Decider::check_readings(const Job& job, const UsageRecord& record) const {
  const Duration interval = record.end - record.start;
  const Duration longest{interval.ms == 0 ? 0 : std::min(interval.ms + kRounding.ms, job.spec.walltime.ms + kGrace.ms)};
  const pricing::Readings most = pricing::readings_of(job.plan().allocation, longest);
  for (const pricing::Meter meter : pricing::kHeldMeters) {
    const std::int64_t value = record.meters[meter];
    const std::int64_t before = job.attempt().usage[meter];
    if (value < before) return SetAside{QuarantineCode::decreasing, reading_text(meter, value, "after", before)};
    if (value > 0 && interval.ms == 0) return SetAside{QuarantineCode::bad_interval, "no time passed"};
    if (value > most[meter]) return SetAside{QuarantineCode::above_caps, reading_text(meter, value, "above", most[meter])};
  }
  return std::nullopt;
}

Decider::Judged<Decider::Due> Decider::charge(const Job& job, const UsageRecord& record) const {
  const Plan& plan = job.plan();
  const Attempt& attempt = job.attempt();
  Due due;
  due.charged = within_walltime(record.meters, plan.allocation, job.spec.walltime);
  auto use = use_of(job, record);
  if (use) due.windowed = std::move(*use);
  auto sum = use ? sum_of(plan, due.charged, due.windowed) : Result<Sum>(std::unexpected(use.error()));
  if (!sum) {
    const bool unpriced = sum.error().code == ErrorCode::no_price;
    return set_aside(unpriced ? QuarantineCode::missing_price : QuarantineCode::above_caps, sum.error().detail);
  }
  due.rating = std::move(sum->rating);
  due.gross = due.rating.total - attempt.charged;
  BOURSE_ASSERT(!due.gross.is_negative());  // readings don't decrease, and neither do their amounts
  const BillingAccount& account = *market_.account(job.account);
  const Unit unit = market_.unit_of(job);
  due.lots = market_.paid_by_lots(account, unit, due.gross);
  due.money = unit == account.unit ? due.gross : money_of(due.lots);
  Amount settled_before;
  if (!plan.settlement.empty()) {
    const auto before = sum_of(plan, within_walltime(attempt.usage, plan.allocation, job.spec.walltime), attempt.windowed);
    BOURSE_ASSERT(before.has_value() && before->rating.total == attempt.charged);  // it was captured
    settled_before = before->settled;
  }
  due.parts = parts_of(plan, attempt.money + due.money, sum->settled) - parts_of(plan, attempt.money, settled_before);
  BOURSE_ASSERT(!due.parts.center.is_negative() && !due.parts.tax.is_negative());
  if (due.gross.is_zero()) return due;
  const ledger::Hold* hold = market_.ledger_.hold(job.hold);
  if (hold == nullptr || hold->ended) return set_aside(QuarantineCode::above_hold, "the hold has ended");
  if (due.gross > hold->remaining())
    return set_aside(QuarantineCode::above_hold, to_text(due.gross) + " of " + to_text(hold->remaining()) + " left");
  return due;
}

// The hold gives the 度 up, and their money leaves what is deferred, in the same row of the journal. Centers are owed money.
void Decider::capture_packages(const Job& job, const Due& due, const UsageRecord& record) {
  using enum ledger::AccountCode;
  using enum ledger::TransferCode;
  if (due.gross.is_positive()) {
    auto captured = market_.ledger_.capture({.hold = job.hold,
                                             .legs = {{platform_account(deferred_revenue, kDu), due.gross, package_used}},
                                             .reference = record.id.uuid});
    BOURSE_ASSERT(captured.has_value());
    emit(std::move(*captured));
  }
  const Unit unit = market_.account(job.account)->unit;
  const LedgerAccountId deferred = platform_account(deferred_revenue, unit);
  const LedgerAccountId center = platform_account(center_payable, unit, job.attempt().center.uuid);
  const LedgerAccountId revenue = platform_account(platform_revenue, unit);
  const Amount owed = due.parts.center;
  const Amount lacking = std::max(Amount{} - due.parts.margin, Amount{});
  post_all(derive_transfer(job.attempt().id.uuid, record.revision).uuid, record.id.uuid,
           {{deferred, center, owed - lacking, capture_center},
            {deferred, revenue, due.parts.margin, capture_margin},
            {deferred, platform_account(tax_payable, unit), due.parts.tax, capture_tax},
            {revenue, center, lacking, subsidy}});
}

void Decider::capture(const Job& job, const Due& due, const UsageRecord& record) {
  if (market_.unit_of(job) == kDu) return capture_packages(job, due, record);
  const Unit unit = market_.account(job.account)->unit;
  const CenterId center = job.attempt().center;
  ledger::HoldCaptured request{.hold = job.hold, .reference = record.id.uuid};
  const auto leg = [&](Amount amount, ledger::AccountCode account, Uuid owner, ledger::TransferCode code) {
    if (amount.is_positive()) request.legs.push_back({platform_account(account, unit, owner), amount, code});
  };
  // Where the center gets more than the user's payment leaves, the rest is the platform's: of margins earned before, or a loss.
  const Amount subsidy = due.parts.margin.is_negative() ? Amount{} - due.parts.margin : Amount{};
  leg(due.parts.center - subsidy, ledger::AccountCode::center_payable, center.uuid, ledger::TransferCode::capture_center);
  leg(due.parts.margin, ledger::AccountCode::platform_revenue, {}, ledger::TransferCode::capture_margin);
  leg(due.parts.tax, ledger::AccountCode::tax_payable, {}, ledger::TransferCode::capture_tax);
  if (!request.legs.empty()) {
    auto captured = market_.ledger_.capture(request);
    BOURSE_ASSERT(captured.has_value());
    emit(std::move(*captured));
  }
  if (!subsidy.is_positive()) return;
  // Its id is the attempt's and revision's, since centers choose their records' ids.
  const Status posted = post({.id = derive_transfer(job.attempt().id.uuid, record.revision),
                              .debit = platform_account(ledger::AccountCode::platform_revenue, unit),
                              .credit = platform_account(ledger::AccountCode::center_payable, unit, center.uuid),
                              .amount = subsidy,
                              .code = ledger::TransferCode::subsidy,
                              .reference = record.id.uuid});
  BOURSE_ASSERT(posted.has_value());
}

std::optional<Decider::SetAside> Decider::on_record(const ApplyReport& report, const UsageRecord& record) {
  const auto located = locate(report, record.job, record.attempt, record.fence, record.order_hash, false);
  if (!located) return located.error();
  const Job& job = **located;
  if (auto aside = check_time(report, record.end)) return aside;
  if (auto aside = check_usage(job, record)) return aside;
  // A late tick must not cost the center its money: what has run beyond the window is held first, if it can be.
  if (const Duration ran = running_time(job.plan().allocation, record.meters); ran > job.covered)
    static_cast<void>(renew(job, ran));
  const auto due = charge(job, record);
  if (!due) return due.error();

  const bool in_packages = market_.unit_of(job) == kDu;
  capture(job, *due, record);
  const PeriodId open = market_.center(report.center)->open_period;
  const PeriodId ended_in = period_at(report.center, record.end);
  emit(UsageCaptured{.job = job.id,
                     .attempt = record.attempt,
                     .record = record.id,
                     .revision = record.revision,
                     .final = record.final,
                     .reported = record.meters,
                     .charged = due->charged,
                     .lines = due->rating.lines,
                     .gross = due->money,
                     .center_share = due->parts.center,
                     .margin = due->parts.margin,
                     .tax = due->parts.tax,
                     .period = open,
                     .start = record.start,
                     .end = record.end,
                     .at = now_,
                     .report = report.hash,
                     .adjusts = ended_in == open ? PeriodId{} : ended_in,
                     .readings = due->windowed.at == Instant{} ? std::vector<pricing::ReadingAt>{} : record.readings,
                     .windowed = due->windowed,
                     .lots = due->lots,
                     .unit = in_packages ? kDu : Unit{},
                     .rated = in_packages ? due->rating.total : Amount{}});
  follow_up(job);
  return std::nullopt;
}

}  // namespace bourse::broker
