// The chain of one job or one settlement, step by step, in the journal's order.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/queries.h"
#include "broker/adapters/api/trace_steps.h"

namespace bourse::broker::api {
namespace {

using steps::micros;
using steps::position_column;
using steps::Rows;

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

Result<Rows> Queries::trace_job(JobId job, TraceView view) {
  return database_.read<Rows>([&](pqxx::transaction_base& work) -> Result<Rows> {
    const std::string id = sql(job);
    Rows rows;
    add_quote(work, id, rows);
    add_job(work, id, rows);
    add_hold(work, id, rows);
    add_attempts(work, id, rows);
    add_renewals(work, id, rows);
    steps::add_captures(work, id, view, rows);
    steps::add_adjustments(work, id, view, rows);
    // The order of the chain where one journal row holds several steps; then the order in which they were read.
    static constexpr std::string_view kChain[] = {"quote", "job", "hold", "order", "event", "usage", "rated", "capture", "transfer", "export",
                                                  "release", "closed", "refund", "dispute"};
    std::vector<std::pair<std::tuple<std::uint64_t, std::ptrdiff_t, std::size_t>, TraceRow>> order;
    for (TraceRow& row : rows)
      order.emplace_back(std::tuple(row.position, std::ranges::find(kChain, row.kind) - std::begin(kChain), order.size()), std::move(row));
    std::ranges::sort(order, {}, &decltype(order)::value_type::first);
    rows.clear();
    for (auto& [place, row] : order) rows.push_back(std::move(row));
    for (const auto& row : work.exec_params("SELECT DISTINCT period FROM market.usage_captures WHERE job = $1 ORDER BY period", id))
      steps::add_period(work, row[0].c_str(), view, rows);
    return rows;
  });
}

}  // namespace bourse::broker::api
