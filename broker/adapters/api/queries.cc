#include "broker/adapters/api/queries.h"

#include <fmt/format.h>

#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr const char* kJobColumns =
    "j.id, j.account, j.tenant, j.\"user\", j.quote, j.state, j.cancel_requested, j.unit, j.hold, j.held_micros, "
    "j.charged_micros, j.exit_code, j.reason, j.spec, j.decision, " BOURSE_MS("j.submitted_at") " AS submitted_ms, "
    BOURSE_MS("j.ended_at") " AS ended_ms";

Result<StoredJob> job_of_row(const pqxx::row& row) {
  StoredJob stored;
  Job& job = stored.job;
  job.id = id_column<JobIdKind>(row["id"]);
  job.account = id_column<BillingAccountIdKind>(row["account"]);
  job.tenant = id_column<TenantIdKind>(row["tenant"]);
  job.user = id_column<UserIdKind>(row["user"]);
  job.quote = id_column<QuoteIdKind>(row["quote"]);
  TRY(job.spec, decoded_column<JobSpec>(row["spec"]));
  TRY(job.decision, decoded_column<Decision>(row["decision"]));
  job.hold = id_column<HoldIdKind>(row["hold"]);
  job.submitted_at = instant_column(row["submitted_ms"]);
  job.state = enum_column<JobState>(row["state"]);
  job.cancel_requested = row["cancel_requested"].as<bool>();
  job.exit_code = row["exit_code"].as<std::int32_t>();
  job.reason = row["reason"].c_str();
  job.ended_at = instant_column(row["ended_ms"]);
  stored.unit = unit_column(row["unit"]);
  stored.held = amount_column(row["held_micros"]);
  stored.charged = amount_column(row["charged_micros"]);
  return stored;
}

Attempt attempt_of_row(const pqxx::row& row) {
  Attempt attempt;
  attempt.id = id_column<AttemptIdKind>(row["id"]);
  attempt.fence = row["fence"].as<std::uint32_t>();
  attempt.plan = row["plan"].as<std::uint32_t>();
  attempt.center = id_column<CenterIdKind>(row["center"]);
  attempt.ordered_at = instant_column(row["ordered_ms"]);
  attempt.not_after = instant_column(row["not_after_ms"]);
  attempt.order_hash = hash_column(row["order_hash"]);
  attempt.scheduler_job = row["scheduler_job"].c_str();
  attempt.started_at = optional_instant_column(row["started_ms"]);
  attempt.ended_at = optional_instant_column(row["ended_ms"]);
  attempt.usage.values = {int64_column(row["core_ms"]), int64_column(row["gpu_ms"]), int64_column(row["node_ms"]),
                          int64_column(row["mem_mib_s"])};
  attempt.usage_revision = row["usage_revision"].as<std::uint32_t>();
  attempt.usage_final = row["usage_final"].as<bool>();
  attempt.charged = amount_column(row["charged_micros"]);
  attempt.money = row["money"].is_null() ? attempt.charged : amount_column(row["money"]);
  return attempt;
}

// Fills in the attempts of jobs that a page listed, in one query.
void add_attempts(pqxx::transaction_base& work, std::vector<StoredJob>& jobs) {
  if (jobs.empty()) return;
  std::string ids = "{";
  for (const StoredJob& stored : jobs) ids.append(ids.size() > 1 ? "," : "").append(sql(stored.job.id));
  ids += "}";
  std::unordered_map<JobId, StoredJob*> by_id;
  for (StoredJob& stored : jobs) by_id[stored.job.id] = &stored;
  for (const auto& row : work.exec_params(
           "SELECT id, job, fence, plan, center, " BOURSE_MS("ordered_at") " AS ordered_ms, " BOURSE_MS("not_after")
           " AS not_after_ms, order_hash, scheduler_job, " BOURSE_MS("started_at") " AS started_ms, " BOURSE_MS("ended_at")
           " AS ended_ms, core_ms, gpu_ms, node_ms, mem_mib_s, usage_revision, usage_final, charged_micros, "
           "(SELECT sum(c.gross_micros) FROM market.usage_captures c WHERE c.job = a.job AND c.attempt = a.id AND c.unit IS NOT NULL)::bigint AS money "
           "FROM market.attempts a WHERE job = ANY ($1::uuid[]) ORDER BY job, fence", ids))
    by_id.at(id_column<JobIdKind>(row["job"]))->job.attempts.push_back(attempt_of_row(row));
}

Period period_of_row(const pqxx::row& row) {
  Period period;
  period.id = id_column<PeriodIdKind>(row["id"]);
  period.center = id_column<CenterIdKind>(row["center"]);
  period.unit = unit_column(row["unit"]);
  period.number = row["number"].as<std::uint32_t>();
  period.state = enum_column<PeriodState>(row["state"]);
  period.opened_at = instant_column(row["opened_ms"]);
  period.cut_off = instant_column(row["cut_off_ms"]);
  period.captures = row["captures"].as<std::uint64_t>();
  period.gross = amount_column(row["gross_micros"]);
  period.center_share = amount_column(row["center_share_micros"]);
  period.margin = amount_column(row["margin_micros"]);
  period.tax = amount_column(row["tax_micros"]);
  period.statement = hash_column(row["statement"]);
  period.opening = amount_column(row["opening_micros"]);
  period.adjustments = row["adjustments"].as<std::uint64_t>();
  period.adjusted = {.user = amount_column(row["adj_user_micros"]),
                     .center_share = amount_column(row["adj_center_micros"]),
                     .margin = amount_column(row["adj_margin_micros"]),
                     .tax = amount_column(row["adj_tax_micros"]),
                     .escrow = amount_column(row["adj_escrow_micros"])};
  period.paid_out = amount_column(row["paid_out_micros"]);
  return period;
}

constexpr const char* kPeriodColumns =
    "id, center, unit, number, state, " BOURSE_MS("opened_at") " AS opened_ms, " BOURSE_MS("cut_off") " AS cut_off_ms, "
    "captures, gross_micros, center_share_micros, margin_micros, tax_micros, statement, opening_micros, adjustments, adj_user_micros, "
    "adj_center_micros, adj_margin_micros, adj_tax_micros, adj_escrow_micros, paid_out_micros";

}  // namespace

Queries::Queries(const std::string& reader_conninfo, std::size_t connections, WaitProjected wait, Duration patience)
    : database_(reader_conninfo, "SET statement_timeout = 10000; SET default_transaction_read_only = on", connections),
      wait_(std::move(wait)),
      patience_(patience) {}

std::string sql_list(const std::vector<BillingAccountId>& accounts) {
  std::string list = "{";
  for (const BillingAccountId account : accounts) list.append(list.size() > 1 ? "," : "").append(sql(account));
  return list + "}";
}

void Queries::wait_for(std::uint64_t position) const {
  if (position > 0 && wait_) static_cast<void>(wait_(position, patience_));
}

Result<std::vector<StoredJob>> Queries::jobs(const JobFilter& filter) {
  using Jobs = std::vector<StoredJob>;
  return database_.read<Jobs>([&](pqxx::transaction_base& work) -> Result<Jobs> {
    const std::string query = fmt::format(
        "SELECT {} FROM market.jobs j WHERE (cardinality($1::uuid[]) = 0 OR j.account = ANY ($1::uuid[])) "
        "AND ($2::smallint = 0 OR j.state = $2::smallint) AND ($3::uuid IS NULL OR j.id < $3::uuid) {} ORDER BY j.id DESC LIMIT $4",
        kJobColumns, filter.folded ? "AND j.array_id IS NULL" : filter.array.is_nil() ? "" : fmt::format("AND j.array_id = '{}'", sql(filter.array)));
    const auto older = filter.older_than ? std::make_unique<std::string>(sql(*filter.older_than)) : nullptr;
    Jobs jobs;
    for (const auto& row : work.exec_params(query, sql_list(filter.accounts), static_cast<int>(filter.state.value_or(JobState{})), older, filter.limit)) {
      TRY(StoredJob stored, job_of_row(row));
      jobs.push_back(std::move(stored));
    }
    add_attempts(work, jobs);
    return jobs;
  });
}

Result<std::optional<StoredJob>> Queries::job(JobId id) {
  return database_.read<std::optional<StoredJob>>([&](pqxx::transaction_base& work) -> Result<std::optional<StoredJob>> {
    const auto rows = work.exec_params(fmt::format("SELECT {} FROM market.jobs j WHERE j.id = $1", kJobColumns), sql(id));
    if (rows.empty()) return std::nullopt;
    std::vector<StoredJob> jobs(1);
    TRY(jobs[0], job_of_row(rows[0]));
    add_attempts(work, jobs);
    return std::move(jobs[0]);
  });
}

Result<std::vector<StoredCapture>> Queries::newest_captures(JobId job) {
  using Captures = std::vector<StoredCapture>;
  return database_.read<Captures>([&](pqxx::transaction_base& work) -> Result<Captures> {
    Captures captures;
    for (const auto& row : work.exec_params(
             "SELECT c.attempt, c.record, c.revision, c.report, l.row, l.meter, l.quantity, l.amount_micros "
             "FROM (SELECT DISTINCT ON (attempt) * FROM market.usage_captures WHERE job = $1 ORDER BY attempt, revision DESC) c "
             "LEFT JOIN market.rated_lines l ON l.attempt = c.attempt AND l.revision = c.revision "
             "ORDER BY c.attempt, l.line",
             sql(job))) {
      const auto attempt = id_column<AttemptIdKind>(row["attempt"]);
      if (captures.empty() || captures.back().attempt != attempt)
        captures.push_back({.attempt = attempt,
                            .record = id_column<UsageRecordIdKind>(row["record"]),
                            .revision = row["revision"].as<std::uint32_t>(),
                            .lines = {},
                            .report = hash_column(row["report"])});
      if (!row["row"].is_null())
        captures.back().lines.push_back({.row = id_column<PriceRowIdKind>(row["row"]),
                                         .meter = enum_column<pricing::Meter>(row["meter"]),
                                         .quantity = int64_column(row["quantity"]),
                                         .amount = amount_column(row["amount_micros"])});
    }
    return captures;
  });
}

Result<std::vector<StoredWallet>> Queries::wallets() {
  using Wallets = std::vector<StoredWallet>;
  return database_.read<Wallets>([&](pqxx::transaction_base& work) -> Result<Wallets> {
    Wallets wallets;
    for (const auto& row : work.exec(
             "SELECT b.id, b.tenant, b.name, b.unit, coalesce(t.name, '') AS tenant_name, "
             "coalesce(a.credits_posted_micros - a.debits_posted_micros, 0) AS balance, "
             "coalesce(a.debits_pending_micros, 0) AS held FROM market.billing_accounts b "
             "LEFT JOIN market.ledger_accounts a ON a.id = b.wallet LEFT JOIN identity.tenants t ON t.id = b.tenant ORDER BY b.id"))
      wallets.push_back({.account = id_column<BillingAccountIdKind>(row["id"]),
                         .tenant = id_column<TenantIdKind>(row["tenant"]),
                         .tenant_name = row["tenant_name"].c_str(),
                         .name = row["name"].c_str(),
                         .unit = unit_column(row["unit"]),
                         .balance = amount_column(row["balance"]),
                         .held = amount_column(row["held"])});
    return wallets;
  });
}

Result<std::vector<Period>> Queries::periods(std::optional<CenterId> center) {
  using Periods = std::vector<Period>;
  return database_.read<Periods>([&](pqxx::transaction_base& work) -> Result<Periods> {
    const auto wanted = center ? std::make_unique<std::string>(sql(*center)) : nullptr;
    Periods periods;
    for (const auto& row : work.exec_params(
             fmt::format("SELECT {} FROM market.periods WHERE ($1::uuid IS NULL OR center = $1::uuid) AND state > 1 "
                         "ORDER BY opened_at DESC, id DESC LIMIT 1000", kPeriodColumns), wanted))
      periods.push_back(period_of_row(row));
    return periods;
  });
}

Result<std::optional<Period>> Queries::period(PeriodId id) {
  return database_.read<std::optional<Period>>([&](pqxx::transaction_base& work) -> Result<std::optional<Period>> {
    const auto rows = work.exec_params(fmt::format("SELECT {} FROM market.periods WHERE id = $1", kPeriodColumns), sql(id));
    if (rows.empty()) return std::nullopt;
    return period_of_row(rows[0]);
  });
}

Result<std::vector<StoredQuarantine>> Queries::quarantined_by_center() {
  using Counts = std::vector<StoredQuarantine>;
  return database_.read<Counts>([&](pqxx::transaction_base& work) -> Result<Counts> {
    Counts counts;
    for (const auto& row : work.exec(
             "SELECT c.id, c.quarantined_records, u.records, " BOURSE_MS("u.since") " AS since_ms FROM market.centers c, "
             "LATERAL (SELECT count(*) AS records, min(q.at) AS since FROM market.quarantined_records q WHERE q.center = c.id AND q.code = 14 AND NOT EXISTS "
             "(SELECT 1 FROM market.usage_captures n WHERE n.job = q.job AND n.attempt = q.attempt AND n.journal_seq > q.journal_seq)) u"))
      counts.push_back({.center = id_column<CenterIdKind>(row["id"]),
                        .records = static_cast<std::uint64_t>(int64_column(row["quarantined_records"])),
                        .unpriced = static_cast<std::uint64_t>(int64_column(row["records"])),
                        .unpriced_since = instant_column(row["since_ms"])});
    return counts;
  });
}

Result<std::vector<ledger::Account>> Queries::ledger_accounts() {
  using Accounts = std::vector<ledger::Account>;
  return database_.read<Accounts>([&](pqxx::transaction_base& work) -> Result<Accounts> {
    Accounts accounts;
    for (const auto& row : work.exec("SELECT id, unit, code, owner, debits_pending_micros, debits_posted_micros, "
                                     "credits_pending_micros, credits_posted_micros FROM market.ledger_accounts "
                                     "ORDER BY opened_seq, opened_idx")) {
      ledger::Account account;
      account.id = id_column<LedgerAccountIdKind>(row["id"]);
      account.unit = unit_column(row["unit"]);
      account.code = enum_column<ledger::AccountCode>(row["code"]);
      account.owner = uuid_column(row["owner"]);
      account.debits_pending = amount_column(row["debits_pending_micros"]);
      account.debits_posted = amount_column(row["debits_posted_micros"]);
      account.credits_pending = amount_column(row["credits_pending_micros"]);
      account.credits_posted = amount_column(row["credits_posted_micros"]);
      accounts.push_back(account);
    }
    return accounts;
  });
}

}  // namespace bourse::broker::api
