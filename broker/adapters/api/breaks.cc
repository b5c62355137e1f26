#include "broker/adapters/api/breaks.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "broker/adapters/api/books.h"
#include "broker/adapters/api/columns.h"
#include "broker/domain/events.h"

namespace bourse::broker::api {
namespace {

using reconciliation::BookedRun;
using reconciliation::ChargedMeter;
using reconciliation::Finding;
using reconciliation::Quantities;

constexpr std::size_t kConnections = 2;
constexpr std::size_t kAttemptsAtOnce = 20'000;

template <class Kind>
std::string array_of(std::span<const Id<Kind>> ids) {
  std::string text = "{";
  for (const Id<Kind> id : ids) text.append(text.size() > 1 ? "," : "").append(sql(id));
  return text + "}";
}

constexpr const char* kAttempts =
    "SELECT a.id, a.fence, a.scheduler_job, a.core_ms, a.gpu_ms, a.node_ms, a.mem_mib_s, a.usage_final, " BOURSE_MS("a.ended_at")
    " AS ended_ms, a.charged_micros, j.unit, l.meter, l.amount_micros "
    "FROM market.attempts a JOIN market.jobs j ON j.id = a.job "
    "LEFT JOIN market.rated_lines l ON l.attempt = a.id AND l.revision = a.usage_revision ";

constexpr std::int64_t Quantities::*kMembers[] = {&Quantities::core_ms, &Quantities::gpu_ms, &Quantities::node_ms, &Quantities::mem_mib_s};  // by meter

// A row a line, so several an attempt; one that was read before is left as it is.
void add_rows(std::map<AttemptId, BookedRun>& runs, const pqxx::result& rows) {
  std::map<AttemptId, BookedRun> fresh;
  for (const auto& row : rows) {
    const auto id = id_column<AttemptIdKind>(row["id"]);
    BookedRun& run = fresh[id];
    run.attempt = id;
    run.fence = row["fence"].as<std::uint32_t>();
    run.scheduler_job = row["scheduler_job"].c_str();
    run.reported = {.core_ms = int64_column(row["core_ms"]), .gpu_ms = int64_column(row["gpu_ms"]), .node_ms = int64_column(row["node_ms"]),
                    .mem_mib_s = int64_column(row["mem_mib_s"])};
    run.final = row["usage_final"].as<bool>();
    run.end = instant_column(row["ended_ms"]);
    run.charged = amount_column(row["charged_micros"]);
    run.unit = unit_column(row["unit"]);
    if (!row["meter"].is_null())
      run.lines.push_back({.meter = kMembers[row["meter"].as<std::size_t>() % pricing::kHeldMeterCount], .amount = amount_column(row["amount_micros"])});
  }
  runs.merge(fresh);
}

// Every arm: source, subject, kind, center, job, scheduler_job, at_stake_micros, unit, detail, since, and of usage the eight
// quantities. $1 the days that differ, as JSON; $2 the instant before which the bank should have spoken.
constexpr const char* kFound =
    "WITH found AS ("
    "SELECT 1 AS source, f.attempt::text AS subject, (ARRAY['not_accounted', 'not_booked', 'not_final', 'quantity'])[f.kind] AS kind, f.center, a.job, "
    "f.scheduler_job, f.at_stake_micros, f.unit, f.detail, f.found_at AS since, f.accounted_core_ms, f.accounted_gpu_ms, f.accounted_node_ms, "
    "f.accounted_mem_mib_s, f.booked_core_ms, f.booked_gpu_ms, f.booked_node_ms, f.booked_mem_mib_s "
    "FROM reconciliation.findings f LEFT JOIN market.attempts a ON a.id = f.attempt WHERE f.cleared_at IS NULL "
    "UNION ALL "
    "SELECT 2, encode(e.identity, 'hex'), 'bank', NULL, NULL, '', e.amount_micros, e.unit, concat_ws('; ', nullif(e.reason, ''), nullif(e.other_name, ''), "
    "nullif(e.remittance, '')), e.imported_at, 0, 0, 0, 0, 0, 0, 0, 0 FROM bank.entries e WHERE e.state IN (1, 2) "
    "UNION ALL "
    "SELECT 3, p.id::text, 'payout', p.center, NULL, '', p.amount_micros, p.unit, CASE WHEN f.file IS NULL THEN 'in no payment file yet' ELSE "
    "'in a payment file, and the bank has not confirmed it' END, p.ordered_at, 0, 0, 0, 0, 0, 0, 0, 0 FROM market.payouts p "
    "LEFT JOIN market.standing_files f ON f.payout = p.id WHERE p.ordered_at < $2::timestamptz "
    "AND NOT EXISTS (SELECT 1 FROM market.payout_settlements s WHERE s.payout = p.id) "
    "UNION ALL "
    "SELECT 4, i.reference::text, 'top_up', NULL, NULL, '', t.amount_micros, t.unit, 'entered by hand as ' || i.text || ', which no bank statement has shown', "
    "t.at, 0, 0, 0, 0, 0, 0, 0, 0 FROM identity.bank_entries i "
    "JOIN LATERAL (SELECT t.at, t.amount_micros, w.unit FROM market.transfers t JOIN market.ledger_accounts w ON w.id = t.credit "
    "WHERE t.reference = i.reference AND t.code = 1 AND NOT t.pending "
    "AND NOT EXISTS (SELECT 1 FROM market.money_in_reversals r WHERE r.what = t.id AND r.amount_micros = t.amount_micros) "
    "ORDER BY t.journal_seq LIMIT 1) t ON true "
    "WHERE t.at < $2::timestamptz AND NOT EXISTS (SELECT 1 FROM bank.entries e WHERE e.bank_reference = i.text) "
    "UNION ALL "
    "SELECT 5, d.subject, 'day', d.center, NULL, '', 0, 'CNY', d.detail, d.since, 0, 0, 0, 0, 0, 0, 0, 0 "
    "FROM jsonb_to_recordset($1::jsonb) AS d(subject text, center uuid, detail text, since timestamptz)), "
    "said AS (SELECT DISTINCT ON (source, subject) source, subject, owner, state, text, figures FROM reconciliation.words ORDER BY source, subject, n DESC), "
    "told AS (SELECT f.*, c.name AS center_name, s.owner, coalesce(s.text, '') AS text, "
    "coalesce(s.state = 2 AND s.figures = f.at_stake_micros::text || ' ' || f.detail, false) AS explained, "
    "coalesce(s.state = 2 AND s.figures <> f.at_stake_micros::text || ' ' || f.detail, false) AS changed "
    "FROM found f LEFT JOIN said s ON s.source = f.source AND s.subject = f.subject LEFT JOIN market.centers c ON c.id = f.center) "
    "SELECT *, " BOURSE_MS("since") " AS since_ms, count(*) OVER () AS total FROM told "
    "WHERE ($3 = '' OR center = nullif($3, '')::uuid) AND ($4 = 0 OR source = $4) AND ($5 = '' OR owner = nullif($5, '')::uuid) AND ($6 OR NOT explained) "
    "AND ($7 = '' OR subject = $7) ORDER BY since, source, subject LIMIT $8";

Quantities quantities_column(const pqxx::row& row, const std::string& side) {
  return {.core_ms = int64_column(row[side + "_core_ms"]), .gpu_ms = int64_column(row[side + "_gpu_ms"]), .node_ms = int64_column(row[side + "_node_ms"]),
          .mem_mib_s = int64_column(row[side + "_mem_mib_s"])};
}

StoredBreak break_of(const pqxx::row& row) {
  return {.key = {enum_column<BreakSource>(row["source"]), row["subject"].c_str()},
          .kind = row["kind"].c_str(),
          .center = id_column<CenterIdKind>(row["center"]),
          .center_name = row["center_name"].is_null() ? "" : row["center_name"].c_str(),
          .job = id_column<JobIdKind>(row["job"]),
          .scheduler_job = row["scheduler_job"].c_str(),
          .at_stake = amount_column(row["at_stake_micros"]),
          .unit = unit_column(row["unit"]),
          .detail = row["detail"].c_str(),
          .since = instant_column(row["since_ms"]),
          .owner = id_column<UserIdKind>(row["owner"]),
          .state = row["explained"].as<bool>() ? BreakState::explained : BreakState::open,
          .text = row["text"].c_str(),
          .changed = row["changed"].as<bool>(),
          .accounted = quantities_column(row, "accounted"),
          .booked = quantities_column(row, "booked")};
}

void insert_finding(pqxx::work& work, const AccountingCheck& check, const Finding& f) {
  work.exec_params(
      "INSERT INTO reconciliation.findings AS f (attempt, center, kind, scheduler_job, ended_at, accounted_core_ms, accounted_gpu_ms, accounted_node_ms, "
      "accounted_mem_mib_s, booked_core_ms, booked_gpu_ms, booked_node_ms, booked_mem_mib_s, at_stake_micros, unit, detail, \"check\", found_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) "
      "ON CONFLICT (center, attempt) DO UPDATE SET kind = excluded.kind, scheduler_job = excluded.scheduler_job, ended_at = excluded.ended_at, "
      "accounted_core_ms = excluded.accounted_core_ms, accounted_gpu_ms = excluded.accounted_gpu_ms, accounted_node_ms = excluded.accounted_node_ms, "
      "accounted_mem_mib_s = excluded.accounted_mem_mib_s, booked_core_ms = excluded.booked_core_ms, booked_gpu_ms = excluded.booked_gpu_ms, "
      "booked_node_ms = excluded.booked_node_ms, booked_mem_mib_s = excluded.booked_mem_mib_s, at_stake_micros = excluded.at_stake_micros, "
      "unit = excluded.unit, detail = excluded.detail, \"check\" = excluded.\"check\", cleared_at = NULL, "
      "found_at = CASE WHEN f.cleared_at IS NULL THEN f.found_at ELSE excluded.found_at END",
      sql(f.attempt), sql(check.center), static_cast<int>(f.kind), f.scheduler_job, sql(f.end), f.accounted.core_ms, f.accounted.gpu_ms, f.accounted.node_ms,
      f.accounted.mem_mib_s, f.booked.core_ms, f.booked.gpu_ms, f.booked.node_ms, f.booked.mem_mib_s, f.at_stake.micros, std::string(f.unit.text()), f.detail,
      to_hyphenated(check.id), sql(check.at));
}

}  // namespace

std::string_view name(BreakState state) { return state == BreakState::explained ? "explained" : "open"; }

Breaks::Breaks(const std::string& writer_conninfo, Database& reader)
    : writer_(writer_conninfo, "SET statement_timeout = 30000; SET lock_timeout = 5000", kConnections), reader_(reader) {}

Result<std::vector<BookedRun>> Breaks::booked(CenterId center, const std::vector<AttemptId>& attempts, Instant from, Instant until) {
  std::map<AttemptId, BookedRun> runs;
  const auto ask = [&](const std::string& where, const std::string& one, const std::string& two) {
    return reader_.read<bool>([&](pqxx::transaction_base& work) -> Result<bool> {
      add_rows(runs, work.exec_params(std::string(kAttempts) + where, sql(center), one, two));
      return true;
    });
  };
  CHECK_OK(ask("WHERE a.center = $1 AND a.id IN (SELECT u.attempt FROM market.usage_captures u WHERE u.final AND u.ended_at >= $2::timestamptz "
                            "AND u.ended_at < $3::timestamptz)", sql(from), sql(until)));
  const std::span<const AttemptId> all(attempts);
  for (std::size_t at = 0; at < all.size(); at += kAttemptsAtOnce) {
    const auto piece = all.subspan(at, std::min(kAttemptsAtOnce, all.size() - at));
    CHECK_OK(ask("WHERE a.center = $1 AND a.id = ANY ($2::uuid[]) AND $3 = ''", array_of(piece), ""));
  }
  std::vector<BookedRun> out;
  for (auto& [id, run] : runs) out.push_back(std::move(run));
  return out;
}

Status Breaks::explain(std::vector<Finding>& findings) {
  std::map<AttemptId, Finding*> by_attempt;
  std::vector<AttemptId> ids;
  for (Finding& finding : findings) {
    by_attempt[finding.attempt] = &finding;
    ids.push_back(finding.attempt);
  }
  CHECK_OK(reader_.read<bool>([&](pqxx::transaction_base& work) -> Result<bool> {
        for (const auto& row : work.exec_params("SELECT attempt, code, count(*) AS records FROM market.quarantined_records WHERE attempt = ANY ($1::uuid[]) "
                                                "GROUP BY attempt, code ORDER BY attempt, code", array_of(std::span<const AttemptId>(ids))))
          by_attempt.at(id_column<AttemptIdKind>(row["attempt"]))->detail +=
              fmt::format("; {} of its records were set aside: {}", row["records"].as<std::int64_t>(), name(enum_column<QuarantineCode>(row["code"])));
        return true;
      }));
  return {};
}

Status Breaks::keep(const AccountingCheck& check, const reconciliation::Comparison& comparison) {
  CHECK_OK(writer_.write<bool>([&](pqxx::work& work) -> Result<bool> {
        work.exec_params("SELECT pg_advisory_xact_lock(hashtext('bourse reconciliation'), hashtext($1))", sql(check.center));
        work.exec_params("INSERT INTO reconciliation.checks (id, center, from_at, until_at, tolerance_ms, sha256, accounted, booked, agreed, \"by\", at) "
                         "VALUES ($1, $2, $3, $4, $5, decode($6, 'hex'), $7, $8, $9, $10, $11)",
                         to_hyphenated(check.id), sql(check.center), sql(check.from), sql(check.until), check.tolerance.ms, to_hex(check.file), comparison.accounted,
                         comparison.booked, comparison.agreed, sql(check.by), sql(check.at));
        for (const Finding& finding : comparison.findings) insert_finding(work, check, finding);
        work.exec_params("UPDATE reconciliation.findings SET cleared_at = $1 WHERE center = $2 AND cleared_at IS NULL AND \"check\" <> $3 "
                         "AND ended_at >= $4::timestamptz AND ended_at < $5::timestamptz",
                         sql(check.at), sql(check.center), to_hyphenated(check.id), sql(check.from), sql(check.until));
        return true;
      }));
  return {};
}

Result<BreakPage> Breaks::list(const BreakFilter& filter, const std::vector<DifferingDay>& days, Instant now) {
  nlohmann::json differing = nlohmann::json::array();
  for (const DifferingDay& day : days)
    differing.push_back({{"subject", sql(day.center) + ":" + day.day}, {"center", sql(day.center)}, {"detail", day.detail}, {"since", sql(day.since)}});
  const auto source = filter.only ? filter.only->source : filter.source.value_or(BreakSource{});
  return reader_.read<BreakPage>([&](pqxx::transaction_base& work) -> Result<BreakPage> {
    BreakPage page;
    for (const auto& row : work.exec_params(kFound, differing.dump(), sql(now - kBankPatience), filter.center ? sql(*filter.center) : std::string(),
                                            static_cast<int>(source), filter.owner ? sql(*filter.owner) : std::string(), filter.all || filter.only.has_value(),
                                            filter.only ? filter.only->subject : std::string(), filter.limit)) {
      page.total = int64_column(row["total"]);
      page.breaks.push_back(break_of(row));
    }
    return page;
  });
}

Result<std::vector<BreakWord>> Breaks::words(const BreakKey& key) {
  using Words = std::vector<BreakWord>;
  return reader_.read<Words>([&](pqxx::transaction_base& work) -> Result<Words> {
    Words out;
    for (const auto& row : work.exec_params("SELECT \"by\", " BOURSE_MS("at") " AS at_ms, owner, state, text FROM reconciliation.words "
                                            "WHERE source = $1 AND subject = $2 ORDER BY n", static_cast<int>(key.source), key.subject))
      out.push_back({.by = id_column<UserIdKind>(row["by"]), .at = instant_column(row["at_ms"]), .owner = id_column<UserIdKind>(row["owner"]),
                     .state = enum_column<BreakState>(row["state"]), .text = row["text"].c_str()});
    return out;
  });
}

Status Breaks::say(const BreakKey& about, const std::string& figures, const BreakWord& word, const std::string& key) {
  CHECK_OK(writer_.write<bool>([&](pqxx::work& work) -> Result<bool> {
        work.exec_params("SELECT pg_advisory_xact_lock(hashtext('bourse break'), hashtext($1))", about.subject);
        work.exec_params("INSERT INTO reconciliation.words (source, subject, n, \"by\", at, owner, state, text, figures, key) "
                         "SELECT $1, $2, coalesce(max(n), 0) + 1, $3, $4, nullif($5, '')::uuid, $6, $7, $8, $9 FROM reconciliation.words "
                         "WHERE source = $1 AND subject = $2 ON CONFLICT (key) DO NOTHING",
                         static_cast<int>(about.source), about.subject, sql(word.by), sql(word.at), word.owner.is_nil() ? std::string() : sql(word.owner),
                         static_cast<int>(word.state), word.text, figures, key);
        return true;
      }));
  return {};
}

}  // namespace bourse::broker::api
