#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/hex.h"
#include "documents/settlement.h"
#include "documents/text.h"

namespace bourse::documents {

using statement::Adjustment;
using statement::Line;
using statement::Statement;

namespace {

using pricing::Meter;

Meter leading_meter(const Line& line) {
  if (line.charged[Meter::gpu_ms] > 0) return Meter::gpu_ms;
  return line.charged[Meter::core_ms] > 0 ? Meter::core_ms : Meter::node_ms;
}

std::string_view unit_of(Meter meter) {
  return meter == Meter::gpu_ms ? "GPU-Seconds" : meter == Meter::core_ms ? "Core-Seconds" : "Node-Seconds";
}

Decimal seconds_of(std::int64_t ms) {
  Decimal out{ms, 3};
  for (; out.scale > 0 && out.coefficient % 10 == 0; --out.scale) out.coefficient /= 10;
  return out;
}

// The cumulative reading of `meter` at the attempt's record before, which is in an earlier statement, from what it came to:
// nothing unless one reading alone rates to that amount. So the meter has the only price above zero, a plain one, and a tick of
// it costs about a micro-unit or more. The amount never falls as the reading grows: halving finds the first that comes to it.
std::optional<std::int64_t> reading_before(const Statement& s, const Line& line, Meter meter) {
  std::vector<pricing::PriceRow> rows;
  for (const statement::Rated& rated : line.rated) {
    // A row that says more than a price (tiers, a minimum, …) may cost the same for other readings, or less for more.
    const statement::Rated plain_row{.row = rated.row, .meter = rated.meter, .price = rated.price, .per = rated.per,
                                     .quantity = rated.quantity, .amount = rated.amount};
    if (rated != plain_row) return std::nullopt;
    if (rated.price.coefficient == 0) continue;
    if (rated.meter != meter || !rows.empty()) return std::nullopt;
    rows.push_back({.id = rated.row, .meter = rated.meter, .price = rated.price, .per = rated.per, .unit = s.unit});
  }
  if (rows.empty()) return std::nullopt;
  const auto amount_of = [&](std::int64_t reading) -> std::optional<Amount> {
    pricing::Readings readings{};
    readings[meter] = reading;
    const auto rating = pricing::rate(readings, rows);
    return rating ? std::optional(rating->total) : std::nullopt;
  };
  std::int64_t low = 0, high = line.charged[meter];
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto amount = amount_of(middle);
    if (!amount) return std::nullopt;
    if (*amount < line.previous.gross) low = middle + 1;
    else high = middle;
  }
  if (amount_of(low) != line.previous.gross) return std::nullopt;
  if (low < line.charged[meter] && amount_of(low + 1) == line.previous.gross) return std::nullopt;
  return low;
}

// What the capture added of its leading meter, if that can be told.
std::optional<std::int64_t> consumed(const Statement& s, const Line& line, const Line* before, Meter meter) {
  const std::int64_t now = line.charged[meter];
  if (before != nullptr) return now - before->charged[meter];
  if (line.revision == 1) return now;
  const auto reading = reading_before(s, line, meter);
  return reading ? std::optional(now - *reading) : std::nullopt;
}

FocusCharge charge_of(const Statement& s, const Line& line, const Line* before) {
  const bool late = !line.adjusts.is_nil();
  FocusCharge out{.correction = late,
                  .description = fmt::format("Compute of {} at {}: the center's share{}", to_text(line.job), clean(s.center_name),
                                             late ? ", usage of the earlier period " + to_text(line.adjusts) : ""),
                  .start = before != nullptr ? before->end : line.start, .end = line.end, .billed = line.added.center,
                  .effective = line.added.center, .contracted = line.added.center, .list = line.added.gross - line.added.tax,
                  .pricing_unit = "Captures", .contracted_unit_price = line.added.center,
                  .list_unit_price = line.added.gross - line.added.tax, .resource_id = to_text(line.job),
                  .resource_name = to_text(line.job), .resource_type = "Job", .sku_id = "capture:" + to_text(s.center),
                  .service_name = "Batch computing"};
  // A record may change nothing; its interval is then empty and still lies where the record says.
  out.start = std::min(out.start, out.end);
  const Meter meter = leading_meter(line);
  if (const auto ms = consumed(s, line, before, meter)) {
    out.consumed_quantity = seconds_of(*ms);
    out.consumed_unit = unit_of(meter);
  }
  for (const statement::Rated& rated : line.rated) out.sku_price_id += (out.sku_price_id.empty() ? "" : " ") + to_text(rated.row);
  out.extra = {to_text(line.attempt), to_text(line.record), Money{line.added.gross}, Money{line.added.margin}, Money{line.added.tax}, Money{},
               line.booked_at, to_hex(line.report), late ? Cell{to_text(line.adjusts)} : Cell{}, {}, {}, {}};
  return out;
}

std::string_view title_of(broker::AdjustmentKind kind) {
  switch (kind) {
    case broker::AdjustmentKind::refund: return "Refund";
    case broker::AdjustmentKind::dispute_opened: return "Dispute opened";
    case broker::AdjustmentKind::dispute_resolved: return "Dispute resolved";
  }
  return "Correction";
}

FocusCharge charge_of(const Statement& s, const Adjustment& one) {
  const Amount center = one.parts.center_share, gross = Amount{} - one.parts.user;
  const std::string reason = clean(one.reason);
  return {.category = ChargeCategory::adjustment,
          .correction = one.adjusts != s.period,
          .description = fmt::format("{} for {} at {}: the center's share{}{}", title_of(one.kind), to_text(one.job), clean(s.center_name),
                                     reason.empty() ? "" : ": ", reason),
          .start = one.at, .end = {one.at.unix_ms + 1}, .billed = center, .effective = center, .contracted = center,
          .list = gross - one.parts.tax, .pricing_quantity = std::nullopt, .resource_id = to_text(one.job),
          .resource_name = to_text(one.job), .resource_type = "Job", .service_name = "Batch computing",
          .extra = {to_text(one.attempt), {}, Money{gross}, Money{one.parts.margin}, Money{one.parts.tax}, Money{one.parts.escrow}, one.at, {},
                    to_text(one.adjusts), to_text(one.id), std::string(name(one.kind)),
                    one.dispute.is_nil() ? Cell{} : Cell{to_text(one.dispute)}}};
}

// What of a sold reservation became the center's.
FocusCharge charge_of(const Statement& s, const statement::Accrual& one) {
  const std::string title = fmt::format("{} {}{} of {}", one.quantity, name(one.what), one.quantity == 1 ? "" : "s", clean(one.pool));
  return {.category = ChargeCategory::purchase,
          .description = fmt::format("Reserved capacity {}, {} at {}: the center's share of {}", to_text(one.reservation), title, clean(s.center_name),
                                     one.fee ? std::string("its early end's fee") : fmt::format("{} of {} days", one.days_over, one.days)),
          .start = one.at, .end = {one.at.unix_ms + 1}, .billed = one.added.center, .effective = one.added.center, .contracted = one.added.center,
          .list = one.added.gross - one.added.tax, .pricing_unit = "Accruals", .contracted_unit_price = one.added.center,
          .list_unit_price = one.added.gross - one.added.tax, .resource_id = to_text(one.reservation), .resource_name = title,
          .resource_type = "Reservation", .sku_id = "reserved:" + to_text(s.center), .sku_price_id = to_text(one.price_row),
          .service_name = "Reserved capacity",
          .extra = {{}, {}, Money{one.added.gross}, Money{one.added.margin}, Money{one.added.tax}, Money{}, one.at, {}, {}, {}, {}, {}}};
}

// What the center owes the market lowers its bill; it follows from the contract, not from usage or a price of the center's.
FocusCharge charge_of(const Statement& s, const broker::ChargedFee& one) {
  const Amount less = Amount{} - one.amount;
  return {.category = ChargeCategory::adjustment,
          .description = fmt::format("Fixed fee of contract {} at {}: {} {} a month", to_text(one.contract), clean(s.center_name), to_text(one.monthly_fee), s.unit.text()),
          .start = one.from, .end = one.until, .billed = less, .effective = less, .contracted = less, .list = less, .pricing_quantity = std::nullopt,
          .resource_id = to_text(one.contract), .resource_name = to_text(one.contract), .resource_type = "Contract", .service_name = "Market access",
          .extra = {{}, {}, Money{}, Money{one.amount - one.tax}, Money{one.tax}, Money{}, s.cut_off, {}, {}, {}, {}, {}}};
}

}  // namespace

FocusDataset focus_of(const VerifiedStatement& verified) {
  const Statement& s = verified.statement;
  FocusDataset out{.billing_account_id = s.market, .billing_account_name = s.market, .invoice_id = to_text(s.period), .invoice_issuer = s.market,
                   .provider = s.center_name, .publisher = s.center_name, .currency = s.unit, .from = s.opened_at, .to = s.cut_off,
                   .extra_columns = {"x_Attempt", "x_UsageRecord", "x_Gross", "x_Margin", "x_Tax", "x_Escrow", "x_BookedAt", "x_ReportSha256",
                                     "x_Adjusts", "x_Adjustment", "x_AdjustmentKind", "x_Dispute"}};
  std::map<AttemptId, const Line*> newest;
  for (const Line& line : s.lines) {
    const Line*& before = newest[line.attempt];
    out.charges.push_back(charge_of(s, line, before));
    before = &line;
  }
  for (const statement::Accrual& one : s.accruals) out.charges.push_back(charge_of(s, one));
  for (const broker::ChargedFee& one : s.fees) out.charges.push_back(charge_of(s, one));
  for (const Adjustment& one : s.adjustments) out.charges.push_back(charge_of(s, one));
  return out;
}

}  // namespace bourse::documents
