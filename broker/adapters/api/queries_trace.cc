// The chain of one job or one settlement, step by step, in the journal's order.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {
namespace {

using Rows = std::vector<TraceRow>;

std::string micros(const pqxx::field& field) { return to_text(amount_column(field)); }
std::uint64_t position_column(const pqxx::field& field) { return static_cast<std::uint64_t>(int64_column(field)); }

void add_quote(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT q.id, " BOURSE_MS("q.issued_at") " AS ms, c.journal_seq FROM market.jobs j JOIN market.quotes q ON q.id = j.quote "
           "LEFT JOIN market.commands c ON c.object = q.id WHERE j.id = $1 LIMIT 1", job))
    out.push_back({"quote", to_text(id_column<QuoteIdKind>(row["id"])), "plans ranked and priced",
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
}

void add_job(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT j.id, j.name, j.unit, j.hold, j.held_micros, j.charged_micros, j.state, j.exit_code, j.reason, j.journal_seq, "
           BOURSE_MS("j.submitted_at") " AS submitted_ms, " BOURSE_MS("j.ended_at") " AS ended_ms, "
           "(SELECT min(c.journal_seq) FROM market.commands c WHERE c.object = j.id AND c.error = 0) AS submitted_seq "
           "FROM market.jobs j WHERE j.id = $1", job)) {
    const std::string id = to_text(id_column<JobIdKind>(row["id"]));
    out.push_back({"job", id, fmt::format("submitted: {}", row["name"].c_str()), instant_column(row["submitted_ms"]),
                   position_column(row["submitted_seq"])});
    if (!row["ended_ms"].is_null()) {
      const std::string reason = row["reason"].c_str();
      out.push_back({"closed", id,
                     fmt::format("{}, exit code {}{}{}; charged {} {}", name(enum_column<JobState>(row["state"])),
                                 row["exit_code"].as<int>(), reason.empty() ? "" : ": ", reason,
                                 micros(row["charged_micros"]), row["unit"].c_str()),
                     instant_column(row["ended_ms"]), position_column(row["journal_seq"])});
    }
  }
}

void add_hold(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT t.hold, t.code, t.amount_micros, j.unit, t.journal_seq, " BOURSE_MS("t.at") " AS ms FROM market.jobs j "
           "JOIN market.transfers t ON t.hold = j.hold AND t.pending WHERE j.id = $1 ORDER BY t.journal_seq, t.idx", job)) {
    const bool placed = enum_column<ledger::TransferCode>(row["code"]) == ledger::TransferCode::hold;
    out.push_back({placed ? "hold" : "release", to_text(id_column<HoldIdKind>(row["hold"])),
                   fmt::format("{} {} {}", micros(row["amount_micros"]), row["unit"].c_str(), placed ? "held" : "released"),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
  }
}

void add_attempts(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT a.id, a.fence, a.pool, a.order_hash, c.name AS center, " BOURSE_MS("a.ordered_at") " AS ms, "
           "(SELECT min(e.journal_seq) FROM market.attempt_events e WHERE e.job = a.job AND e.attempt = a.id) AS first_seq, "
           "(SELECT min(m.journal_seq) FROM market.commands m WHERE m.object = a.job AND m.error = 0) AS submitted_seq "
           "FROM market.attempts a JOIN market.centers c ON c.id = a.center WHERE a.job = $1 ORDER BY a.fence", job)) {
    const Hash256 order = hash_column(row["order_hash"]);
    const std::string hash = order.is_zero() ? "" : ", order sha256 " + to_hex(order);
    // The first attempt is ordered in the row that submitted the job; a later one before its center's first word.
    const std::uint64_t first = position_column(row["first_seq"]);
    out.push_back({"order", to_text(id_column<AttemptIdKind>(row["id"])),
                   fmt::format("attempt {} ordered at {}/{}{}", row["fence"].as<int>(), row["center"].c_str(), row["pool"].c_str(), hash),
                   instant_column(row["ms"]),
                   row["fence"].as<int>() == 1 ? position_column(row["submitted_seq"]) : first});
  }
  static constexpr std::string_view kHappenings[] = {"", "accepted by the center", "queued", "started", "ended", "cancelled",
                                                     "rejected", "never submitted", "unknown", "paused", "resumed"};
  for (const auto& row : work.exec_params(
           "SELECT attempt, happening, scheduler_job, exit_code, reason, journal_seq, " BOURSE_MS("at") " AS ms "
           "FROM market.attempt_events WHERE job = $1 ORDER BY journal_seq, idx", job)) {
    const auto happening = static_cast<std::size_t>(row["happening"].as<int>());
    std::string text(happening < std::size(kHappenings) ? kHappenings[happening] : "");
    if (const std::string scheduler_job = row["scheduler_job"].c_str(); !scheduler_job.empty())
      text += fmt::format(" (scheduler's job {})", scheduler_job);
    if (happening == 4) text += fmt::format(", exit code {}", row["exit_code"].as<int>());
    if (const std::string reason = row["reason"].c_str(); !reason.empty()) text += ": " + reason;
    out.push_back({"event", to_text(id_column<AttemptIdKind>(row["attempt"])), text, instant_column(row["ms"]),
                   position_column(row["journal_seq"])});
  }
}

void add_renewals(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT r.kind, r.micros, r.covered_ms, r.detail, r.journal_seq, j.hold, j.unit, " BOURSE_MS("r.at") " AS ms "
           "FROM market.renewals r JOIN market.jobs j ON j.id = r.job WHERE r.job = $1 ORDER BY r.journal_seq, r.idx", job)) {
    const std::int64_t seconds = int64_column(row["covered_ms"]) / 1000;
    const std::string covered = fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    const std::string amount = micros(row["micros"]) + " " + row["unit"].c_str();
    const std::string detail = row["detail"].c_str();
    std::string text;
    switch (row["kind"].as<int>()) {
      case 1: text = fmt::format("{} more held, for {} in all", amount, covered); break;
      case 2: text = fmt::format("{} more could not be held, {} are left: {}", amount, covered, detail); break;
      case 3: text = "to be paused: " + detail; break;
      default: text = "to go on: " + detail;
    }
    out.push_back({"renewal", to_text(id_column<HoldIdKind>(row["hold"])), text, instant_column(row["ms"]), position_column(row["journal_seq"])});
  }
}

void add_captures(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT u.record, u.revision, u.final, u.charged_core_ms, u.charged_gpu_ms, u.gross_micros, u.center_share_micros, "
           "u.margin_micros, u.tax_micros, u.report, u.journal_seq, " BOURSE_MS("u.booked_at") " AS ms, p.number, p.unit, u.unit AS rated_in, "
           "(SELECT -sum(m.amount_micros) FROM market.lot_moves m WHERE m.journal_seq = u.journal_seq AND m.idx = u.idx AND m.attempt = u.attempt)::bigint AS rated "
           "FROM market.usage_captures u JOIN market.jobs j ON j.id = u.job JOIN market.periods p ON p.id = u.period "
           "WHERE u.job = $1 ORDER BY u.journal_seq, u.idx", job)) {
    const std::string id = to_text(id_column<UsageRecordIdKind>(row["record"]));
    const Instant at = instant_column(row["ms"]);
    const std::uint64_t position = position_column(row["journal_seq"]);
    out.push_back({"usage", id,
                   fmt::format("revision {}{}: {} core-ms, {} gpu-ms; signed report sha256 {}", row["revision"].as<int>(),
                               row["final"].as<bool>() ? ", final" : "", int64_column(row["charged_core_ms"]),
                               int64_column(row["charged_gpu_ms"]), to_hex(hash_column(row["report"]))),
                   at, position});
    out.push_back({"capture", id,
                   fmt::format("{}{} {}: center {}, margin {}, tax {}; period {}",
                               row["rated_in"].is_null() || row["rated"].is_null() ? "" : fmt::format("{} {} of packages, ", micros(row["rated"]), row["rated_in"].c_str()),
                               micros(row["gross_micros"]), row["unit"].c_str(),
                               micros(row["center_share_micros"]), micros(row["margin_micros"]), micros(row["tax_micros"]),
                               row["number"].as<int>()),
                   at, position});
  }
}

void add_adjustments(pqxx::transaction_base& work, const std::string& job, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT a.id, a.kind, a.dispute, a.amount_micros, a.user_micros, a.center_micros, a.reason, a.journal_seq, "
           BOURSE_MS("a.at") " AS ms, p.number, p.unit FROM market.adjustments a JOIN market.periods p ON p.id = a.period "
           "WHERE a.job = $1 ORDER BY a.journal_seq, a.idx", job)) {
    const auto kind = enum_column<AdjustmentKind>(row["kind"]);
    const std::string unit = row["unit"].c_str();
    out.push_back({kind == AdjustmentKind::refund ? "refund" : "dispute", to_text(id_column<AdjustmentIdKind>(row["id"])),
                   fmt::format("{} of {} {}: {} to the user, {} to the center; in period {}: {}", name(kind),
                               micros(row["amount_micros"]), unit, micros(row["user_micros"]), micros(row["center_micros"]),
                               row["number"].as<int>(), row["reason"].c_str()),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
  }
}

void add_payouts(pqxx::transaction_base& work, const std::string& period, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT o.id, o.amount_micros, o.unit, o.payee_account, o.journal_seq, " BOURSE_MS("o.ordered_at") " AS ms, "
           "s.state, s.bank_reference, s.reason, s.journal_seq AS settled_seq, " BOURSE_MS("s.at") " AS settled_ms "
           "FROM market.payout_periods pp JOIN market.payouts o ON o.id = pp.payout "
           "LEFT JOIN market.payout_settlements s ON s.payout = o.id WHERE pp.period = $1 ORDER BY o.journal_seq, o.idx", period)) {
    const std::string id = to_text(id_column<PayoutIdKind>(row["id"]));
    out.push_back({"payout", id, fmt::format("{} {} to {}, in transit", micros(row["amount_micros"]), row["unit"].c_str(),
                                             row["payee_account"].c_str()),
                   instant_column(row["ms"]), position_column(row["journal_seq"])});
    if (row["state"].is_null()) continue;
    const bool paid = enum_column<PayoutState>(row["state"]) == PayoutState::paid;
    out.push_back({paid ? "paid" : "returned", id,
                   paid ? fmt::format("the bank's entry {}", row["bank_reference"].c_str()) : std::string(row["reason"].c_str()),
                   instant_column(row["settled_ms"]), position_column(row["settled_seq"])});
  }
}

void add_period(pqxx::transaction_base& work, const std::string& period, Rows& out) {
  for (const auto& row : work.exec_params(
           "SELECT p.id, p.number, p.unit, p.captures, p.gross_micros, p.statement, c.name, " BOURSE_MS("p.opened_at")
           " AS opened_ms, " BOURSE_MS("p.cut_off") " AS cut_off_ms, " BOURSE_MS("p.sealed_at") " AS sealed_ms "
           "FROM market.periods p JOIN market.centers c ON c.id = p.center WHERE p.id = $1", period)) {
    const std::string id = to_text(id_column<PeriodIdKind>(row["id"]));
    out.push_back({"period", id, fmt::format("period {} of {} opened", row["number"].as<int>(), row["name"].c_str()),
                   instant_column(row["opened_ms"]), 0});
    if (!row["cut_off_ms"].is_null())
      out.push_back({"cut-off", id, fmt::format("closed with {} captures, gross {} {}", int64_column(row["captures"]),
                                                micros(row["gross_micros"]), row["unit"].c_str()), instant_column(row["cut_off_ms"]), 0});
    if (!row["sealed_ms"].is_null())
      out.push_back({"statement", id, "sealed, sha256 " + to_hex(hash_column(row["statement"])), instant_column(row["sealed_ms"]), 0});
  }
  add_payouts(work, period, out);
}

}  // namespace

Result<JobId> Queries::job_of(Uuid any) {
  return database_.read<JobId>([&](pqxx::transaction_base& work) -> Result<JobId> {
    const auto rows = work.exec_params(
        "SELECT id FROM market.jobs WHERE id = $1 "
        "UNION ALL SELECT j.id FROM market.quotes q JOIN market.jobs j ON j.account = q.account AND j.quote = q.id WHERE q.id = $1 "
        "UNION ALL SELECT reference FROM market.holds WHERE id = $1 "
        "UNION ALL SELECT job FROM market.attempts WHERE id = $1 "
        "UNION ALL SELECT job FROM market.usage_captures WHERE record = $1 "
        "UNION ALL SELECT job FROM market.adjustments WHERE id = $1 "
        "UNION ALL SELECT job FROM market.disputes WHERE id = $1 LIMIT 1",
        to_hyphenated(any));
    return rows.empty() ? JobId{} : id_column<JobIdKind>(rows[0][0]);
  });
}

Result<Rows> Queries::trace_job(JobId job) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    const std::string id = sql(job);
    Rows rows;
    add_quote(work, id, rows);
    add_job(work, id, rows);
    add_hold(work, id, rows);
    add_attempts(work, id, rows);
    add_renewals(work, id, rows);
    add_captures(work, id, rows);
    add_adjustments(work, id, rows);
    // The order of the chain where one journal row holds several steps; then the order in which they were read.
    static constexpr std::string_view kChain[] = {"quote", "job", "hold", "order", "event", "usage", "capture", "release", "closed", "refund", "dispute"};
    std::vector<std::pair<std::tuple<std::uint64_t, std::ptrdiff_t, std::size_t>, TraceRow>> order;
    for (TraceRow& row : rows)
      order.emplace_back(std::tuple(row.position, std::ranges::find(kChain, row.kind) - std::begin(kChain), order.size()), std::move(row));
    std::ranges::sort(order, {}, &decltype(order)::value_type::first);
    rows.clear();
    for (auto& [place, row] : order) rows.push_back(std::move(row));
    for (const auto& row : work.exec_params("SELECT DISTINCT period FROM market.usage_captures WHERE job = $1 ORDER BY period", id))
      add_period(work, row[0].c_str(), rows);
    return rows;
  });
}

Result<Rows> Queries::trace_period(PeriodId period) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    Rows rows;
    add_period(work, sql(period), rows);
    return rows;
  });
}

Result<Rows> Queries::trace_payout(PayoutId payout) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    Rows rows;
    for (const auto& row : work.exec_params("SELECT period FROM market.payout_periods WHERE payout = $1 ORDER BY period", sql(payout)))
      add_period(work, row[0].c_str(), rows);
    return rows;
  });
}

}  // namespace bourse::broker::api
