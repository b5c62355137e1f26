// The steps of a trace from the usage on: rated lines, captures, transfers, periods, payouts, payment files; and what is traced
// that is no job.
#include <fmt/format.h>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/trace_steps.h"

namespace bourse::broker::api {
namespace steps {
namespace {

constexpr const char* kTransfers =
    "SELECT t.journal_seq, t.idx, t.amount_micros, t.code, d.code AS debit_code, c.code AS credit_code, d.unit, " BOURSE_MS("t.at") " AS ms "
    "FROM market.transfers t JOIN market.ledger_accounts d ON d.id = t.debit JOIN market.ledger_accounts c ON c.id = t.credit ";

std::string number_of(const pqxx::row& row) { return fmt::format("{}.{}", int64_column(row["journal_seq"]), row["idx"].as<int>()); }

TraceRow transfer_row(const pqxx::row& row) {
  return {"transfer", number_of(row),
          fmt::format("{} {}, from {} to {}", micros(row["amount_micros"]), row["unit"].c_str(), name(enum_column<ledger::AccountCode>(row["debit_code"])),
                      name(enum_column<ledger::AccountCode>(row["credit_code"]))),
          instant_column(row["ms"]), position_column(row["journal_seq"])};
}

// The lines of a record; amounts are the attempt's so far. A line's id is the record's and its number.
void add_rated(pqxx::transaction_base& work, const pqxx::row& capture, const std::string& record, Instant at, std::uint64_t position, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT l.line, l.row, l.meter, l.quantity, l.amount_micros, l.discount_micros, p.price, p.per, p.unit FROM market.rated_lines l "
           "LEFT JOIN market.price_rows p ON p.id = l.row WHERE l.attempt = $1 AND l.revision = $2 ORDER BY l.line",
           capture["attempt"].c_str(), capture["revision"].as<int>())) {
    std::string text = fmt::format("{} {} so far by {}", int64_column(row["quantity"]), pricing::name(enum_column<pricing::Meter>(row["meter"])),
                                   to_text(id_column<PriceRowIdKind>(row["row"])));
    if (!row["price"].is_null()) text += fmt::format(" at {} {} for {}", row["price"].c_str(), row["unit"].c_str(), int64_column(row["per"]));
    text += fmt::format(" = {}", micros(row["amount_micros"]));
    if (int64_column(row["discount_micros"]) != 0) text += fmt::format(", after {} off", micros(row["discount_micros"]));
    out.push_back({"rated", fmt::format("{}.{}", record, row["line"].as<int>() + 1), std::move(text), at, position});
  }
}

// Every leg for those who keep the books; for the account what they took out of its wallet. Then where exports have them.
void add_transfers(pqxx::transaction_base& work, const pqxx::row& capture, const std::string& record, TraceView view, Rows& out) {
  const auto legs = work.exec_params(std::string(kTransfers) + "WHERE t.journal_seq = $1::bigint AND t.reference = $2 AND NOT t.pending ORDER BY t.idx",
                                     capture["journal_seq"].c_str(), capture["record"].c_str());
  if (legs.empty()) return;
  const TraceRow first = transfer_row(legs[0]);
  if (view == TraceView::staff) {
    for (const auto& row : legs) out.push_back(transfer_row(row));
    out.push_back({"export", first.id,
                   fmt::format("transaction ({}) of the ledger's journal; x_UsageRecord {} of InvoiceId {} in the statement's FOCUS file", first.id, record,
                               to_text(id_column<PeriodIdKind>(capture["period"]))),
                   first.at, first.position});
    return;
  }
  Amount paid;
  for (const auto& row : legs)
    if (enum_column<ledger::AccountCode>(row["debit_code"]) == ledger::AccountCode::wallet && row["unit"].c_str() == std::string_view(legs[0]["unit"].c_str()))
      paid += amount_column(row["amount_micros"]);
  out.push_back({"transfer", first.id, fmt::format("{} {} from the wallet", to_text(paid), legs[0]["unit"].c_str()), first.at, first.position});
  out.push_back({"export", first.id, fmt::format("x_UsageRecord {} in the account's own FOCUS file, and in its journal", record), first.at, first.position});
}

std::string period_state(const pqxx::row& row) { return std::string(name(enum_column<PeriodState>(row["state"]))); }

void add_statement(const pqxx::row& row, const std::string& id, Rows& out) {
  if (row["sealed_ms"].is_null()) return;
  out.push_back({"statement", id, fmt::format("{}:{}, sealed, sha256 {}", row["name"].c_str(), row["number"].as<int>(), to_hex(hash_column(row["statement"]))),
                 instant_column(row["sealed_ms"]), 0});
}

}  // namespace

std::string micros(const pqxx::field& field) { return to_text(amount_column(field)); }
std::uint64_t position_column(const pqxx::field& field) { return static_cast<std::uint64_t>(int64_column(field)); }

void add_captures(pqxx::transaction_base& work, const std::string& job, TraceView view, Rows& out) {
  const auto captures = work.exec_params(
      "SELECT u.attempt, u.record, u.revision, u.final, u.charged_core_ms, u.charged_gpu_ms, u.gross_micros, u.center_share_micros, "
      "u.margin_micros, u.tax_micros, u.report, u.period, u.journal_seq, " BOURSE_MS("u.booked_at") " AS ms, p.number, p.unit, u.unit AS rated_in, "
      "(SELECT -sum(m.amount_micros) FROM market.lot_moves m WHERE m.journal_seq = u.journal_seq AND m.idx = u.idx AND m.attempt = u.attempt)::bigint AS rated "
      "FROM market.usage_captures u JOIN market.periods p ON p.id = u.period WHERE u.job = $1 ORDER BY u.journal_seq DESC, u.idx DESC LIMIT $2",
      job, kMostListed + 1);
  int left = kMostListed;
  for (const auto& row : captures) {
    const std::string id = to_text(id_column<UsageRecordIdKind>(row["record"]));
    const Instant at = instant_column(row["ms"]);
    const std::uint64_t position = position_column(row["journal_seq"]);
    if (left-- == 0) {
      out.push_back({"usage", id, "this one and those before it are not listed", at, position});
      break;
    }
    out.push_back({"usage", id,
                   fmt::format("revision {}{}: {} core-ms, {} gpu-ms; signed report sha256 {}", row["revision"].as<int>(), row["final"].as<bool>() ? ", final" : "",
                               int64_column(row["charged_core_ms"]), int64_column(row["charged_gpu_ms"]), to_hex(hash_column(row["report"]))),
                   at, position});
    add_rated(work, row, id, at, position, out);
    std::string text;
    if (!row["rated_in"].is_null() && !row["rated"].is_null()) text = fmt::format("{} {} of packages, ", micros(row["rated"]), row["rated_in"].c_str());
    text += fmt::format("{} {}", micros(row["gross_micros"]), row["unit"].c_str());
    if (view == TraceView::staff)
      text += fmt::format(": center {}, margin {}, tax {}", micros(row["center_share_micros"]), micros(row["margin_micros"]), micros(row["tax_micros"]));
    else
      text += fmt::format(", tax {} in it", micros(row["tax_micros"]));
    out.push_back({"capture", id, fmt::format("{}; period {}", text, row["number"].as<int>()), at, position});
    add_transfers(work, row, id, view, out);
  }
}

void add_adjustments(pqxx::transaction_base& work, const std::string& job, TraceView view, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT a.id, a.kind, a.dispute, a.amount_micros, a.user_micros, a.center_micros, a.reason, a.journal_seq, a.job, "
           BOURSE_MS("a.at") " AS ms, p.number, p.unit FROM market.adjustments a JOIN market.periods p ON p.id = a.period "
           "WHERE a.job = $1 ORDER BY a.journal_seq, a.idx LIMIT $2", job, kMostListed)) {
    const auto kind = enum_column<AdjustmentKind>(row["kind"]);
    out.push_back({kind == AdjustmentKind::refund ? "refund" : "dispute", to_text(id_column<AdjustmentIdKind>(row["id"])),
                   fmt::format("{} of {} {}: {} to the user{}; in period {}: {}", name(kind), micros(row["amount_micros"]), row["unit"].c_str(),
                               micros(row["user_micros"]), view == TraceView::staff ? ", " + micros(row["center_micros"]) + " to the center" : "",
                               row["number"].as<int>(), row["reason"].c_str()),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
    if (view != TraceView::staff) continue;
    for (const auto& leg : work.exec_params(std::string(kTransfers) + "WHERE t.journal_seq = $1::bigint AND t.reference IN ($2, $3) AND NOT t.pending ORDER BY t.idx",
                                            row["journal_seq"].c_str(), row["job"].c_str(), row["id"].c_str()))
      out.push_back(transfer_row(leg));
  }
}

void add_payment_files(pqxx::transaction_base& work, const std::string& payout, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT f.id, f.sha256, f.journal_seq, " BOURSE_MS("f.at") " AS ms, w.reason, w.journal_seq AS withdrawn_seq, " BOURSE_MS("w.at") " AS withdrawn_ms "
           "FROM market.payment_file_payouts p JOIN market.payment_files f ON f.id = p.file LEFT JOIN market.payment_file_withdrawals w ON w.file = f.id "
           "WHERE p.payout = $1 ORDER BY f.journal_seq LIMIT $2", payout, kMostListed)) {
    const std::string id = to_crockford(uuid_column(row["id"]));
    out.push_back({"payment file", id, "sha256 " + to_hex(hash_column(row["sha256"])), instant_column(row["ms"]), position_column(row["journal_seq"])});
    if (!row["withdrawn_ms"].is_null())
      out.push_back({"withdrawn", id, row["reason"].c_str(), instant_column(row["withdrawn_ms"]), position_column(row["withdrawn_seq"])});
  }
}

void add_payout(pqxx::transaction_base& work, const std::string& payout, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT o.id, o.amount_micros, o.unit, o.payee_account, o.journal_seq, o.idx, " BOURSE_MS("o.ordered_at") " AS ms, "
           "s.state, s.bank_reference, s.reason, s.journal_seq AS settled_seq, " BOURSE_MS("s.at") " AS settled_ms "
           "FROM market.payouts o LEFT JOIN market.payout_settlements s ON s.payout = o.id WHERE o.id = $1", payout)) {
    const std::string id = to_text(id_column<PayoutIdKind>(row["id"]));
    out.push_back({"payout", id, fmt::format("{} {} to {}, in transit", micros(row["amount_micros"]), row["unit"].c_str(), row["payee_account"].c_str()),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
    for (const auto& leg : work.exec_params(std::string(kTransfers) + "WHERE t.journal_seq = $1::bigint AND t.reference = $2 AND NOT t.pending ORDER BY t.idx",
                                            row["journal_seq"].c_str(), row["id"].c_str())) {
      out.push_back(transfer_row(leg));
      out.push_back({"export", number_of(leg), fmt::format("transaction ({}) of the ledger's journal", number_of(leg)), instant_column(leg["ms"]), position_column(leg["journal_seq"])});
    }
    add_payment_files(work, payout, out);
    if (row["state"].is_null()) continue;
    const bool paid = enum_column<PayoutState>(row["state"]) == PayoutState::paid;
    out.push_back({paid ? "paid" : "returned", id, paid ? fmt::format("the bank's entry {}", row["bank_reference"].c_str()) : std::string(row["reason"].c_str()),
                   instant_column(row["settled_ms"]), position_column(row["settled_seq"])});
  }
}

// What closing it charged, and the transfers.
void add_fees(pqxx::transaction_base& work, const std::string& period, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT f.contract, f.monthly_fee_micros, f.amount_micros, f.tax_micros, f.journal_seq, p.unit, " BOURSE_MS("f.from_at") " AS from_ms, "
           BOURSE_MS("f.until_at") " AS until_ms, " BOURSE_MS("f.at") " AS ms FROM market.period_fees f JOIN market.periods p ON p.id = f.period "
           "WHERE f.period = $1 ORDER BY f.from_at LIMIT $2", period, kMostListed))
    out.push_back({"fee", to_text(id_column<ContractIdKind>(row["contract"])),
                   fmt::format("{} {}, {} tax in it, of {} a month, from {} until {}", micros(row["amount_micros"]), row["unit"].c_str(), micros(row["tax_micros"]),
                               micros(row["monthly_fee_micros"]), to_text(instant_column(row["from_ms"])), to_text(instant_column(row["until_ms"]))),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
  for (const auto& leg : work.exec_params(std::string(kTransfers) + "WHERE t.journal_seq = (SELECT min(journal_seq) FROM market.period_fees WHERE period = $1) "
                                          "AND t.reference = $1 AND t.code IN (29, 30) AND NOT t.pending ORDER BY t.idx", period))
    out.push_back(transfer_row(leg));
}

void add_period(pqxx::transaction_base& work, const std::string& period, TraceView view, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT p.id, p.number, p.unit, p.state, p.captures, p.gross_micros, p.statement, c.name, " BOURSE_MS("p.opened_at")
           " AS opened_ms, " BOURSE_MS("p.cut_off") " AS cut_off_ms, " BOURSE_MS("p.sealed_at") " AS sealed_ms "
           "FROM market.periods p JOIN market.centers c ON c.id = p.center WHERE p.id = $1", period)) {
    const std::string id = to_text(id_column<PeriodIdKind>(row["id"]));
    if (view != TraceView::staff) {
      out.push_back({"period", id, fmt::format("period {} of {}, {}", row["number"].as<int>(), row["name"].c_str(), period_state(row)), instant_column(row["opened_ms"]), 0});
      add_statement(row, id, out);
      continue;
    }
    out.push_back({"period", id, fmt::format("period {} of {} opened", row["number"].as<int>(), row["name"].c_str()), instant_column(row["opened_ms"]), 0});
    if (!row["cut_off_ms"].is_null())
      out.push_back({"cut-off", id, fmt::format("closed with {} captures, gross {} {}", int64_column(row["captures"]), micros(row["gross_micros"]), row["unit"].c_str()),
                     instant_column(row["cut_off_ms"]), 0});
    add_statement(row, id, out);
  }
  if (view != TraceView::staff) return;
  add_fees(work, period, out);
  for (const auto& row : work.exec_params("SELECT payout FROM market.payout_periods WHERE period = $1 ORDER BY payout LIMIT $2", period, kMostListed))
    add_payout(work, row[0].c_str(), out);
}

void add_jobs_of_period(pqxx::transaction_base& work, const std::string& period, const std::vector<BillingAccountId>& accounts, Rows& out) {
  std::string ids = "{";
  for (const BillingAccountId account : accounts) ids.append(ids.size() > 1 ? "," : "").append(sql(account));
  ids += "}";
  const auto jobs = work.exec_params(
      "SELECT u.job, j.name, count(*) AS captures, sum(u.gross_micros)::bigint AS gross, p.unit, min(u.journal_seq) AS journal_seq, "
      BOURSE_MS("min(u.booked_at)") " AS ms, count(*) OVER () AS jobs FROM market.usage_captures u JOIN market.jobs j ON j.id = u.job "
      "JOIN market.periods p ON p.id = u.period WHERE u.period = $1 AND ($2::uuid[] = '{}' OR j.account = ANY ($2::uuid[])) "
      "GROUP BY u.job, j.name, p.unit ORDER BY min(u.journal_seq), u.job LIMIT $3", period, ids, kMostListed);
  for (const auto& row : jobs)
    out.push_back({"job", to_text(id_column<JobIdKind>(row["job"])),
                   fmt::format("{}: {} {} in {} captures", row["name"].c_str(), micros(row["gross"]), row["unit"].c_str(), int64_column(row["captures"])),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
  if (!jobs.empty() && int64_column(jobs[0]["jobs"]) > kMostListed)
    out.push_back({"jobs", "", fmt::format("{} in all; the statement lists every one (bourse statement get)", int64_column(jobs[0]["jobs"])), {}, 0});
}

}  // namespace steps

using steps::Rows;

Result<std::optional<PeriodId>> Queries::period_named(const std::string& name) {
  using Found = std::optional<PeriodId>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    if (const auto hash = parse_hash(name)) {
      const auto rows = work.exec_params("SELECT id FROM market.periods WHERE statement = decode($1, 'hex') LIMIT 1", to_hex(*hash));
      return rows.empty() ? Found{} : Found{id_column<PeriodIdKind>(rows[0][0])};
    }
    const std::size_t colon = name.rfind(':');
    if (colon == std::string::npos || colon + 1 == name.size() || name.size() - colon > 10 || name.find_first_not_of("0123456789", colon + 1) != std::string::npos)
      return Found{};
    const auto rows = work.exec_params("SELECT p.id FROM market.periods p JOIN market.centers c ON c.id = p.center WHERE c.name = $1 AND p.number = $2::bigint LIMIT 1",
                                       name.substr(0, colon), name.substr(colon + 1));
    return rows.empty() ? Found{} : Found{id_column<PeriodIdKind>(rows[0][0])};
  });
}

Result<Rows> Queries::trace_period(PeriodId period, TraceView view, const std::vector<BillingAccountId>& accounts) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    Rows rows, jobs;
    steps::add_jobs_of_period(work, sql(period), accounts, jobs);
    if (view != TraceView::staff && jobs.empty()) return rows;
    steps::add_period(work, sql(period), view, rows);
    rows.insert(rows.end(), jobs.begin(), jobs.end());
    return rows;
  });
}

Result<Rows> Queries::trace_payout(PayoutId payout) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    Rows rows, of_period;
    for (const auto& row : work.exec_params("SELECT period FROM market.payout_periods WHERE payout = $1 ORDER BY period LIMIT $2", sql(payout), steps::kMostListed)) {
      of_period.clear();
      steps::add_period(work, row[0].c_str(), TraceView::staff, of_period);
      for (TraceRow& step : of_period)
        if (step.kind == "period" || step.kind == "cut-off" || step.kind == "statement") rows.push_back(std::move(step));
    }
    steps::add_payout(work, sql(payout), rows);
    return rows;
  });
}

Result<Rows> Queries::trace_payment_file(Uuid file) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    Rows rows;
    const auto payouts = work.exec_params("SELECT payout, count(*) OVER () AS payouts FROM market.payment_file_payouts WHERE file = $1 ORDER BY payout LIMIT $2",
                                          to_hyphenated(file), steps::kMostListed);
    for (const auto& row : payouts) steps::add_payout(work, row[0].c_str(), rows);
    if (!payouts.empty() && int64_column(payouts[0]["payouts"]) > steps::kMostListed)
      rows.push_back({"payouts", "", fmt::format("{} in all; bourse payout list has every one", int64_column(payouts[0]["payouts"])), {}, 0});
    return rows;
  });
}

Result<std::optional<TracedLot>> Queries::trace_lot(LotId lot) {
  using Found = std::optional<TracedLot>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto rows = work.exec_params(
        "SELECT l.account, l.kind, l.amount_micros, coalesce(l.unit, b.unit) AS unit, l.reason, l.journal_seq, " BOURSE_MS("l.issued_at") " AS ms, "
        BOURSE_MS("l.expires_at") " AS expires_ms FROM market.lots l JOIN market.billing_accounts b ON b.id = l.account WHERE l.id = $1", sql(lot));
    if (rows.empty()) return Found{};
    const std::string unit = rows[0]["unit"].c_str();
    TracedLot out{.account = id_column<BillingAccountIdKind>(rows[0]["account"]), .rows = {}};
    out.rows.push_back({"lot", to_text(lot),
                        fmt::format("{} of {} {}, until {}: {}", name(enum_column<LotKind>(rows[0]["kind"])), steps::micros(rows[0]["amount_micros"]), unit,
                                    to_text(instant_column(rows[0]["expires_ms"])), rows[0]["reason"].c_str()),
                        instant_column(rows[0]["ms"]), steps::position_column(rows[0]["journal_seq"])});
    const auto moves = work.exec_params(
        "SELECT m.kind, m.amount_micros, m.money_micros, m.journal_seq, a.job, " BOURSE_MS("m.at") " AS ms, count(*) OVER () AS moves FROM market.lot_moves m "
        "LEFT JOIN market.attempts a ON a.id = m.attempt WHERE m.lot = $1 ORDER BY m.journal_seq, m.idx LIMIT $2", sql(lot), steps::kMostListed);
    for (const auto& row : moves) {
      const Amount amount = amount_column(row["amount_micros"]);
      const int kind = row["kind"].as<int>();
      out.rows.push_back({kind == 1 ? "used" : kind == 2 ? "given back" : kind == 4 ? "reversed" : "expired", row["job"].is_null() ? to_text(lot) : to_text(id_column<JobIdKind>(row["job"])),
                          fmt::format("{} {}", to_text(amount.is_negative() ? Amount{} - amount : amount), unit), instant_column(row["ms"]),
                          steps::position_column(row["journal_seq"])});
    }
    if (!moves.empty() && int64_column(moves[0]["moves"]) > steps::kMostListed)
      out.rows.push_back({"moves", "", fmt::format("{} in all", int64_column(moves[0]["moves"])), {}, 0});
    return Found{std::move(out)};
  });
}

Result<std::optional<TracedTransfer>> Queries::trace_transfer(std::uint64_t position, std::uint32_t index) {
  using Found = std::optional<TracedTransfer>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto seq = static_cast<std::int64_t>(position);
    const auto idx = static_cast<std::int64_t>(index);
    const auto rows = work.exec_params(std::string(steps::kTransfers) + "WHERE t.journal_seq = $1::bigint AND t.idx = $2::bigint", seq, idx);
    if (rows.empty()) return Found{};
    TracedTransfer out{.row = steps::transfer_row(rows[0])};
    // What it belongs to is what its reference or its hold names; ids are never used twice, so it names one thing.
    const auto of = work.exec_params(
        "SELECT t.reference, (SELECT coalesce((SELECT h.reference FROM market.holds h WHERE h.id = t.hold), "
        "(SELECT c.job FROM market.usage_captures c WHERE c.record = t.reference LIMIT 1), (SELECT j.id FROM market.jobs j WHERE j.id = t.reference), "
        "(SELECT a.job FROM market.adjustments a WHERE a.id = t.reference))) AS job, (SELECT o.id FROM market.payouts o WHERE o.id = t.reference) AS payout, "
        "(SELECT r.id FROM market.reservations r WHERE r.id = t.reference) AS reservation, (SELECT l.id FROM market.lots l WHERE l.id = t.reference) AS lot, "
        "(SELECT w.owner FROM market.ledger_accounts w WHERE w.id IN (t.debit, t.credit) AND w.code = 1 LIMIT 1) AS account, "
        "(SELECT e.text FROM identity.bank_entries e WHERE e.reference = t.reference) AS bank "
        "FROM market.transfers t WHERE t.journal_seq = $1::bigint AND t.idx = $2::bigint", seq, idx);
    const auto& row = of[0];
    out.job = id_column<JobIdKind>(row["job"]);
    out.payout = id_column<PayoutIdKind>(row["payout"]);
    out.reservation = id_column<ReservationIdKind>(row["reservation"]);
    out.lot = id_column<LotIdKind>(row["lot"]);
    out.account = id_column<BillingAccountIdKind>(row["account"]);
    if (!row["bank"].is_null()) out.row.text += fmt::format("; the bank's entry {}", row["bank"].c_str());
    return Found{std::move(out)};
  });
}

}  // namespace bourse::broker::api
