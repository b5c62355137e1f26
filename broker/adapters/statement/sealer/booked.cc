// What was booked in a period beside captures.
#include "broker/adapters/statement/sealer/booked.h"

#include <set>

#include "broker/domain/reservation.h"

namespace bourse::broker {
namespace {

using statement::Adjustment;
using statement::Line;
using statement::Statement;

constexpr const char* kAdjustments =
    "SELECT id, kind, dispute, job, attempt, adjusts, charge_gross_micros, charge_center_micros, charge_margin_micros, "
    "charge_tax_micros, base_micros, amount_micros, user_micros, center_micros, margin_micros, tax_micros, escrow_micros, "
    "reason, (extract(epoch FROM at) * 1000)::bigint AS at_ms FROM market.adjustments WHERE period = $1 "
    "ORDER BY journal_seq, idx";

Result<Adjustment> adjustment_of(const pqxx::row& row) {
  Adjustment out;
  TRY(out.id, id_of<AdjustmentIdKind>(row["id"]));
  out.kind = static_cast<AdjustmentKind>(row["kind"].as<int>());
  if (!row["dispute"].is_null()) {
    TRY(out.dispute, id_of<DisputeIdKind>(row["dispute"]));
  }
  TRY(out.job, id_of<JobIdKind>(row["job"]));
  TRY(out.attempt, id_of<AttemptIdKind>(row["attempt"]));
  TRY(out.adjusts, id_of<PeriodIdKind>(row["adjusts"]));
  out.charge = {amount_of(row["charge_gross_micros"]), amount_of(row["charge_center_micros"]),
                amount_of(row["charge_margin_micros"]), amount_of(row["charge_tax_micros"])};
  out.base = amount_of(row["base_micros"]);
  out.amount = amount_of(row["amount_micros"]);
  out.parts = {.user = amount_of(row["user_micros"]),
               .center_share = amount_of(row["center_micros"]),
               .margin = amount_of(row["margin_micros"]),
               .tax = amount_of(row["tax_micros"]),
               .escrow = amount_of(row["escrow_micros"])};
  out.reason = row["reason"].c_str();
  out.at = Instant{int64_of(row["at_ms"])};
  return out;
}

// Payments ordered in the period, and those that came back in it.
constexpr const char* kPayouts =
    "SELECT id, amount_micros AS amount, (extract(epoch FROM ordered_at) * 1000)::bigint AS at_ms, journal_seq, idx "
    "FROM market.payouts WHERE period = $1 "
    "UNION ALL SELECT payout, -amount_micros, (extract(epoch FROM at) * 1000)::bigint, journal_seq, idx "
    "FROM market.payout_settlements WHERE period = $1 AND state = 3 ORDER BY journal_seq, idx";

// What reservations earned, with what they had earned before.
constexpr const char* kAccruals =
    "SELECT a.reservation, a.days, a.fee, a.gross_micros, a.center_share_micros, a.margin_micros, a.tax_micros, r.body, "
    "(extract(epoch FROM a.at) * 1000)::bigint AS at_ms, p.gross AS before_gross, p.center AS before_center, p.margin AS before_margin, "
    "p.tax AS before_tax FROM market.reservation_accruals a JOIN market.reservations r ON r.id = a.reservation, "
    "LATERAL (SELECT coalesce(sum(e.gross_micros), 0)::bigint AS gross, coalesce(sum(e.center_share_micros), 0)::bigint AS center, "
    "coalesce(sum(e.margin_micros), 0)::bigint AS margin, coalesce(sum(e.tax_micros), 0)::bigint AS tax "
    "FROM market.reservation_accruals e WHERE e.reservation = a.reservation AND (e.journal_seq, e.idx) < (a.journal_seq, a.idx)) p "
    "WHERE a.period = $1 ORDER BY a.journal_seq, a.idx";

Status read_accruals(pqxx::transaction_base& work, PeriodId period, Statement& out) {
  for (const auto& row : work.exec_params(kAccruals, to_hyphenated(period.uuid))) {
    TRY(const Reservation of, decoded<Reservation>(row["body"]));
    statement::Accrual one{.reservation = of.id, .account = of.account, .pool = of.pool, .what = of.what, .quantity = of.quantity, .price = of.price,
                           .days = of.days, .fee = row["fee"].as<bool>(), .terms = of.split, .settlement = std::nullopt,
                           .may_subsidise = of.by_settlement && of.may_subsidise, .price_row = of.price_row, .at = Instant{int64_of(row["at_ms"])}};
    if (one.fee) one.fee_bps = of.early_end_bps;
    else one.days_over = row["days"].as<std::int32_t>();
    if (of.by_settlement) one.settlement = of.settlement;
    one.previous = {amount_of(row["before_gross"]), amount_of(row["before_center"]), amount_of(row["before_margin"]), amount_of(row["before_tax"])};
    one.added = {amount_of(row["gross_micros"]), amount_of(row["center_share_micros"]), amount_of(row["margin_micros"]), amount_of(row["tax_micros"])};
    one.cumulative = {one.previous.gross + one.added.gross, one.previous.center + one.added.center, one.previous.margin + one.added.margin,
                      one.previous.tax + one.added.tax};
    out.accrued = {out.accrued.gross + one.added.gross, out.accrued.center + one.added.center, out.accrued.margin + one.added.margin,
                   out.accrued.tax + one.added.tax};
    out.accruals.push_back(std::move(one));
  }
  return {};
}

constexpr const char* kFees =
    "SELECT contract, monthly_fee_micros, tax_bps, zone, (extract(epoch FROM from_at) * 1000)::bigint AS from_ms, "
    "(extract(epoch FROM until_at) * 1000)::bigint AS until_ms, amount_micros, tax_micros FROM market.period_fees WHERE period = $1 ORDER BY from_at";

Status read_fees(pqxx::transaction_base& work, PeriodId period, Statement& out) {
  for (const auto& row : work.exec_params(kFees, to_hyphenated(period.uuid))) {
    TRY(const ContractId contract, id_of<ContractIdKind>(row["contract"]));
    out.fees.push_back({.contract = contract, .monthly_fee = amount_of(row["monthly_fee_micros"]), .tax_bps = row["tax_bps"].as<std::int32_t>(),
                        .zone = row["zone"].c_str(), .from = Instant{int64_of(row["from_ms"])}, .until = Instant{int64_of(row["until_ms"])},
                        .amount = amount_of(row["amount_micros"]), .tax = amount_of(row["tax_micros"])});
    out.fee += out.fees.back().amount;
  }
  return {};
}

// The reservations that the lines name.
Status read_carriers(pqxx::transaction_base& work, Statement& out) {
  std::set<ReservationId> named;
  for (const Line& line : out.lines)
    if (!line.reservation.is_nil()) named.insert(line.reservation);
  for (const ReservationId id : named) {
    const auto rows = work.exec_params("SELECT body FROM market.reservations WHERE id = $1", to_hyphenated(id.uuid));
    if (rows.empty()) return fail(ErrorCode::integrity, fmt::format("{} is not projected.", to_text(id)));
    TRY(const Reservation of, decoded<Reservation>(rows[0][0]));
    out.reservations.push_back({of.id, of.center, of.account, of.pool, of.what, of.quantity, of.from, of.until});
  }
  return {};
}

Status read_movements(pqxx::transaction_base& work, PeriodId period, Statement& out) {
  for (const auto& row : work.exec_params(kAdjustments, to_hyphenated(period.uuid))) {
    TRY(Adjustment one, adjustment_of(row));
    out.adjusted += one.parts;
    out.adjustments.push_back(std::move(one));
  }
  for (const auto& row : work.exec_params(kPayouts, to_hyphenated(period.uuid))) {
    TRY(const PayoutId id, id_of<PayoutIdKind>(row["id"]));
    out.payouts.push_back({id, amount_of(row["amount"]), Instant{int64_of(row["at_ms"])}});
    out.payout += out.payouts.back().amount;
  }
  return {};
}

}  // namespace

Status read_booked(pqxx::transaction_base& work, PeriodId period, Statement& out) {
  CHECK_OK(read_movements(work, period, out));
  CHECK_OK(read_accruals(work, period, out));
  CHECK_OK(read_fees(work, period, out));
  return read_carriers(work, out);
}

}  // namespace bourse::broker
