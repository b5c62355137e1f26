// Finance's reports: revenue and tax of a month, what is booked and not settled, what is held for how long, and what rounding left.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/books.h"
#include "broker/adapters/api/columns.h"
#include "broker/domain/fee.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostHolds = 10'000;

// What was booked in the month, a row a center and unit: captures, corrections, what reservations earned, contracts' fees, and packages that expired, by the time of their journal row (UTC), as the
// ledger's accounts have it. The outer bounds let the index by the command's own time find it.
constexpr const char* kRevenue =
    "WITH booked AS ("
    "SELECT a.center, b.unit, t.at, c.gross_micros AS gross, c.center_share_micros AS center_share, c.margin_micros AS margin, c.tax_micros AS tax, 0::bigint AS escrow "
    "FROM market.usage_captures c JOIN market.jobs j ON j.id = c.job JOIN market.billing_accounts b ON b.id = j.account JOIN market.attempts a ON a.id = c.attempt, "
    "LATERAL (SELECT at FROM market.transfers WHERE journal_seq = c.journal_seq LIMIT 1) t "
    "WHERE (c.gross_micros > 0 OR c.center_share_micros <> 0 OR c.margin_micros <> 0) AND c.booked_at >= $1::timestamptz - interval '1 hour' AND c.booked_at < $2::timestamptz + interval '1 hour' "
    "UNION ALL SELECT d.center, b.unit, t.at, -d.user_micros, d.center_micros, d.margin_micros, d.tax_micros, d.escrow_micros "
    "FROM market.adjustments d JOIN market.billing_accounts b ON b.id = d.account, "
    "LATERAL (SELECT at FROM market.transfers WHERE journal_seq = d.journal_seq LIMIT 1) t "
    "WHERE d.at >= $1::timestamptz - interval '1 hour' AND d.at < $2::timestamptz + interval '1 hour' "
    "UNION ALL SELECT e.center, r.unit, t.at, e.gross_micros, e.center_share_micros, e.margin_micros, e.tax_micros, 0::bigint "
    "FROM market.reservation_accruals e JOIN market.reservations r ON r.id = e.reservation, "
    "LATERAL (SELECT at FROM market.transfers WHERE journal_seq = e.journal_seq LIMIT 1) t "
    "WHERE e.gross_micros > 0 AND e.at >= $1::timestamptz - interval '1 hour' AND e.at < $2::timestamptz + interval '1 hour' "
    // Nothing was sold for a fee: the center pays what the platform and tax get.
    "UNION ALL SELECT f.center, p.unit, t.at, 0::bigint, -f.amount_micros, f.amount_micros - f.tax_micros, f.tax_micros, 0::bigint "
    "FROM market.period_fees f JOIN market.periods p ON p.id = f.period, "
    "LATERAL (SELECT at FROM market.transfers WHERE journal_seq = f.journal_seq LIMIT 1) t "
    "WHERE f.at >= $1::timestamptz - interval '1 hour' AND f.at < $2::timestamptz + interval '1 hour' "
    // Of packages that expired, what was paid for the rest is the platform's alone.
    "UNION ALL SELECT NULL::uuid, d.unit, t.at, t.amount_micros, 0::bigint, t.amount_micros, 0::bigint, 0::bigint "
    "FROM market.transfers t JOIN market.ledger_accounts d ON d.id = t.credit AND d.code = 4 "
    "WHERE NOT t.pending AND t.code = 19 AND t.at >= $1::timestamptz AND t.at < $2::timestamptz) "
    "SELECT r.center, n.name, r.unit, sum(gross)::bigint AS gross, sum(center_share)::bigint AS center_share, sum(margin)::bigint AS margin, "
    "sum(tax)::bigint AS tax, sum(escrow)::bigint AS escrow, count(*) AS bookings FROM booked r LEFT JOIN market.centers n ON n.id = r.center "
    "WHERE r.at >= $1::timestamptz AND r.at < $2::timestamptz GROUP BY r.center, n.name, r.unit ORDER BY n.name, r.unit";

void fill_revenue(pqxx::transaction_base& work, v1::Report& out, const std::string& from, const std::string& until) {
  for (const auto& row : work.exec_params(kRevenue, from, until)) {
    v1::RevenueRow& to = *out.add_revenue();
    const Unit unit = unit_column(row["unit"]);
    if (!row["center"].is_null()) to.set_center(to_text(id_column<CenterIdKind>(row["center"])));
    to.set_center_name(row["center"].is_null() ? "(expired packages)" : row["name"].is_null() ? "" : row["name"].c_str());
    fill(*to.mutable_gross(), amount_column(row["gross"]), unit);
    fill(*to.mutable_center_share(), amount_column(row["center_share"]), unit);
    fill(*to.mutable_margin(), amount_column(row["margin"]), unit);
    fill(*to.mutable_tax(), amount_column(row["tax"]), unit);
    fill(*to.mutable_escrow(), amount_column(row["escrow"]), unit);
    to.set_bookings(static_cast<std::uint64_t>(int64_column(row["bookings"])));
  }
}

std::string_view age_class(std::int64_t days) {
  return days < 1 ? "less than a day" : days < 3 ? "1 to 3 days" : days < 7 ? "3 to 7 days" : days < 30 ? "7 to 30 days" : "30 days and more";
}

// Live holds, the oldest first, and their sum a unit and age: with it the ledger's own, which it must be.
Status fill_holds(pqxx::transaction_base& work, v1::Report& out, Instant now) {
  std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, Amount>> ages;
  std::map<std::string, Amount> sums;
  for (const auto& row : work.exec(
           "SELECT h.amount_micros - h.captured_micros - h.released_micros AS held, " BOURSE_MS("h.placed_at") " AS at_ms, " BOURSE_MS("h.expires_at")
           " AS expires_ms, h.reference, a.unit, a.owner, b.name, j.state, c.name AS center FROM market.holds h JOIN market.ledger_accounts a ON a.id = h.wallet "
           "LEFT JOIN market.billing_accounts b ON b.id = a.owner LEFT JOIN market.jobs j ON j.id = h.reference LEFT JOIN market.centers c ON c.id = j.center "
           "WHERE h.ended = 0 AND h.amount_micros > h.captured_micros + h.released_micros ORDER BY h.placed_at, h.id")) {
    const Amount held = amount_column(row["held"]);
    const std::int64_t days = (now - instant_column(row["at_ms"])).ms / hours(24).ms;
    auto& [count, sum] = ages[{row["unit"].c_str(), std::string(age_class(days))}];
    ++count;
    sum += held;
    sums[row["unit"].c_str()] += held;
    if (out.holds_size() == kMostHolds) {
      out.set_cut(true);  // the sums are of all
      continue;
    }
    v1::HoldRow& to = *out.add_holds();
    const Uuid reference = uuid_column(row["reference"]);
    if (!row["state"].is_null()) to.set_job(to_text(JobId{reference}));
    else if (!reference.is_nil()) to.set_job(to_hyphenated(reference));
    to.set_account(to_text(BillingAccountId{uuid_column(row["owner"])}));
    to.set_account_name(row["name"].is_null() ? "" : row["name"].c_str());
    to.set_center_name(row["center"].is_null() ? "" : row["center"].c_str());
    if (!row["state"].is_null()) to.set_state(std::string(name(enum_column<JobState>(row["state"]))));
    to.set_at_ms(int64_column(row["at_ms"]));
    to.set_expires_ms(int64_column(row["expires_ms"]));
    to.set_days(days);
    fill(*to.mutable_held(), held, unit_column(row["unit"]));
  }
  for (const auto& [key, value] : ages) {
    v1::HoldAge& to = *out.add_ages();
    to.set_age(key.second);
    to.set_holds(value.first);
    fill(*to.mutable_held(), value.second, parse_unit(key.first).value_or(kCny));
  }
  for (const auto& row : work.exec("SELECT unit, sum(credits_pending_micros)::bigint AS held FROM market.ledger_accounts WHERE code = 2 GROUP BY unit"))
    if (amount_column(row["held"]) != sums[row["unit"].c_str()])
      return fail(ErrorCode::integrity, fmt::format("The holds in {} are not what the ledger holds.", row["unit"].c_str()));
  return {};
}

void fill_rounding(pqxx::transaction_base& work, v1::Report& out) {
  for (const auto& row : work.exec("SELECT id, code, unit, debits_posted_micros, credits_posted_micros, debits_pending_micros, credits_pending_micros "
                                   "FROM market.ledger_accounts WHERE code = 11 ORDER BY unit")) {
    v1::LedgerAccount& to = *out.add_accounts();
    to.set_id(to_text(id_column<LedgerAccountIdKind>(row["id"])));
    to.set_code(std::string(name(enum_column<ledger::AccountCode>(row["code"]))));
    to.set_unit(row["unit"].c_str());
    to.set_debits_posted(to_text(amount_column(row["debits_posted_micros"])));
    to.set_credits_posted(to_text(amount_column(row["credits_posted_micros"])));
    to.set_debits_pending(to_text(amount_column(row["debits_pending_micros"])));
    to.set_credits_pending(to_text(amount_column(row["credits_pending_micros"])));
  }
}

// Booked in periods that have no statement yet: what centers will be owed beside what was settled.
void fill_accrual(v1::Report& out, const Market& market) {
  for (const Center* center : market.centers())
    for (const Period* period : market.periods(center->id)) {
      if (period->state != PeriodState::open && period->state != PeriodState::closing) continue;
      v1::RevenueRow& to = *out.add_revenue();
      to.set_center(to_text(center->id));
      to.set_center_name(center->name);
      to.set_period(to_text(period->id));
      to.set_number(period->number);
      to.set_opened_ms(period->opened_at.unix_ms);
      to.set_bookings(period->captures + period->adjustments + period->accruals + period->fees);
      fill(*to.mutable_gross(), period->gross - period->adjusted.user + period->accrued.gross, period->unit);
      fill(*to.mutable_center_share(), period->center_share + period->adjusted.center_share + period->accrued.center_share - period->fee, period->unit);
      fill(*to.mutable_margin(), period->margin + period->adjusted.margin + period->accrued.margin + period->fee - period->fee_tax, period->unit);
      fill(*to.mutable_tax(), period->tax + period->adjusted.tax + period->accrued.tax + period->fee_tax, period->unit);
      fill(*to.mutable_escrow(), period->adjusted.escrow, period->unit);
    }
}

// What closing the open periods now would charge for contracts' fixed fees: earned, and neither booked nor billed.
Status fill_fees(v1::Report& out, const Market& market, Instant now) {
  for (const Center* center : market.centers()) {
    if (std::ranges::none_of(center->contracts, [](const Contract& one) { return one.monthly_fee.is_positive(); })) continue;
    CHECK_OK(check_fee_zones(center->contracts));
    const Period* open = market.period(center->open_period);
    Amount amount, tax;
    for (const ChargedFee& fee : fees_of(center->contracts, open->opened_at, std::max(now, open->opened_at), center->fees_charged_until)) {
      amount += fee.amount;
      tax += fee.tax;
    }
    v1::FeeRow& to = *out.add_fees();
    to.set_center(to_text(center->id));
    to.set_center_name(center->name);
    to.set_period(to_text(open->id));
    to.set_number(open->number);
    to.set_opened_ms(open->opened_at.unix_ms);
    fill(*to.mutable_amount(), amount, open->unit);
    fill(*to.mutable_tax(), tax, open->unit);
  }
  return {};
}

// Paid for reservations and packages and not earned yet.
void fill_deferred(v1::Report& out, const Market& market) {
  struct Sum {
    std::uint64_t count = 0;
    Amount paid, earned;
    Instant until;
  };
  std::map<std::tuple<std::string, CenterId, Unit>, Sum> sums;
  for (const Reservation* one : market.reservations()) {
    Sum& sum = sums[{center_name(market, one->center), one->center, one->unit}];
    ++sum.count;
    sum.paid += one->price;
    sum.earned += one->earned.gross;
    sum.until = std::max(sum.until, one->until);
  }
  for (const auto& [key, sum] : sums) {
    const auto& [center, id, unit] = key;
    v1::DeferredRow& to = *out.add_deferred();
    to.set_center(to_text(id));
    to.set_center_name(center);
    to.set_reservations(sum.count);
    fill(*to.mutable_paid(), sum.paid, unit);
    fill(*to.mutable_earned(), sum.earned, unit);
    fill(*to.mutable_deferred(), sum.paid - sum.earned, unit);
    to.set_until_ms(sum.until.unix_ms);
  }
  std::map<Unit, Sum> packages;
  for (const Lot* lot : market.all_lots()) {
    if (lot->kind != LotKind::package || lot->price_left.is_zero()) continue;
    Sum& sum = packages[market.account(lot->account)->unit];
    ++sum.count;
    const MoneyInReversal* back = market.reversal(lot->id.uuid);
    const Amount kept = lot->price - (back == nullptr ? Amount{} : back->money);
    sum.paid += kept;
    sum.earned += kept - lot->price_left;
    sum.until = std::max(sum.until, lot->expires_at);
  }
  for (const auto& [unit, sum] : packages) {
    v1::DeferredRow& to = *out.add_deferred();
    to.set_packages(sum.count);
    fill(*to.mutable_paid(), sum.paid, unit);
    fill(*to.mutable_earned(), sum.earned, unit);
    fill(*to.mutable_deferred(), sum.paid - sum.earned, unit);
    to.set_until_ms(sum.until.unix_ms);
  }
}

}  // namespace

Result<v1::Report> Api::get_report(const v1::GetReportRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  const Instant now = parts_.clock.now();
  TRY(const std::int32_t month, month_named(request.month().empty() ? to_text(now).substr(0, 7) : request.month()));
  v1::Report report;
  report.set_kind(request.kind());
  report.set_market(options_.name);
  report.set_at_ms(now.unix_ms);
  if (request.kind() == "accrual") {
    TRY(auto found, look([report, now](const Market& market) -> Result<v1::Report> {
          v1::Report out = report;
          fill_accrual(out, market);
          CHECK_OK(fill_fees(out, market, now));
          fill_deferred(out, market);
          return out;
        }));
    return found;
  }
  if (request.kind() != "revenue" && request.kind() != "tax" && request.kind() != "holds" && request.kind() != "rounding")
    return fail(ErrorCode::invalid_argument, "kind must be revenue, tax, accrual, holds or rounding.");
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  return queries_.database().read<v1::Report>([&](pqxx::transaction_base& work) -> Result<v1::Report> {
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(check_projected(work, newest));
    v1::Report out = report;
    out.set_position(newest);
    if (request.kind() == "holds") {
      CHECK_OK(fill_holds(work, out, now));
    } else if (request.kind() == "rounding") {
      fill_rounding(work, out);
    } else {
      out.set_month(month_text(month));
      fill_revenue(work, out, month_text(month) + "-01T00:00:00Z", month_text(month + 1) + "-01T00:00:00Z");
    }
    return out;
  });
}

}  // namespace bourse::broker::api
