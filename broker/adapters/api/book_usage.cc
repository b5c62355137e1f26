// Usage: what was computed and what it cost, by day, project and whoever asks; and the same as lines that `bourse rate` reads.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/books.h"
#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostRows = 10'000;
constexpr int kRatableLines = 500, kMostRatableLines = 2'000;

// By what usage may be summed: the word, and the column.
struct Dimension {
  std::string_view name, column;
};
constexpr std::array<Dimension, 7> kDimensions = {{{"day", "u.day::text"},
                                                   {"month", "to_char(u.day, 'YYYY-MM')"},
                                                   {"project", "u.project"},
                                                   {"user", "coalesce(un.name, u.\"user\"::text)"},
                                                   {"center", "coalesce(c.name, u.center::text)"},
                                                   {"pool", "u.pool"},
                                                   {"kind", "u.job_kind::text"}}};

Result<std::vector<Dimension>> dimensions_of(const std::string& by) {
  std::vector<Dimension> out;
  for (std::string_view rest = by; !rest.empty();) {
    const auto comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const auto* found = std::ranges::find(kDimensions, word, &Dimension::name);
    if (found == kDimensions.end())
      return fail(ErrorCode::invalid_argument, "by: day, month, project, user, center, pool and kind, with commas between.");
    if (std::ranges::find(out, word, &Dimension::name) != out.end())
      return fail(ErrorCode::invalid_argument, "by: a word is there twice.");
    out.push_back(*found);
  }
  return out;
}

// Ticks as hours with three places, cut: what a person reads. The exact ticks stand beside them.
std::string hours_of(__int128 ticks, std::int64_t per_hour) {
  const auto milli = static_cast<std::int64_t>(ticks * 1000 / per_hour);
  return fmt::format("{}.{:03}", milli / 1000, milli % 1000);
}

std::string ids_text(const std::vector<BillingAccountId>& accounts) {
  std::string ids = "{";
  for (const BillingAccountId account : accounts) ids.append(ids.size() > 1 ? "," : "").append(sql(account));
  return ids + "}";
}

void fill_usage(v1::UsageRow& out, const pqxx::row& row, const std::vector<Dimension>& by) {
  for (std::size_t i = 0; i < by.size(); ++i) {
    const std::string value = row[static_cast<int>(i)].is_null() ? "" : row[static_cast<int>(i)].c_str();
    if (by[i].name == "day") out.set_day(value);
    if (by[i].name == "month") out.set_month(value);
    if (by[i].name == "project") out.set_project(value);
    if (by[i].name == "user") out.set_user_name(value);
    if (by[i].name == "center") out.set_center_name(value);
    if (by[i].name == "pool") out.set_pool(value);
    if (by[i].name == "kind") out.set_kind(std::string(name(static_cast<JobKind>(std::atoi(value.c_str())))));
  }
  const auto ticks = [&](const char* column) { return int64_column(row[column]); };
  out.set_jobs(static_cast<std::uint64_t>(ticks("jobs")));
  out.set_core_ms(ticks("core_ms"));
  out.set_gpu_ms(ticks("gpu_ms"));
  out.set_node_ms(ticks("node_ms"));
  out.set_mem_mib_s(ticks("mem_mib_s"));
  out.set_core_hours(hours_of(ticks("core_ms"), 3'600'000));
  out.set_gpu_hours(hours_of(ticks("gpu_ms"), 3'600'000));
  out.set_mem_gib_hours(hours_of(ticks("mem_mib_s"), 3'600 * 1024));
  fill(*out.mutable_charged(), amount_column(row["gross"]), unit_column(row["unit"]));
}

void fill_ratable(v1::RatableLine& line, const pqxx::row& row, const Plan& plan, const std::string& qos) {
  line.set_id(to_text(id_column<AttemptIdKind>(row["attempt"])));
  line.set_job(to_text(id_column<JobIdKind>(row["job"])));
  line.set_tenant(to_text(id_column<TenantIdKind>(row["tenant"])));
  line.set_account(to_text(id_column<BillingAccountIdKind>(row["account"])));
  line.set_project(row["project"].c_str());
  line.set_center(to_text(plan.center));
  line.set_center_name(row["center"].c_str());
  line.set_pool(plan.pool);
  line.set_qos(qos);
  line.set_locked_ms(int64_column(row["locked_ms"]));
  line.set_used_from_ms(int64_column(row["from_ms"]));
  line.set_used_until_ms(int64_column(row["until_ms"]));
  line.set_cores(plan.allocation.cores);
  line.set_gpus(plan.allocation.gpus);
  line.set_nodes(plan.allocation.nodes);
  line.set_mem_mib(plan.allocation.mem_mib);
  line.set_core_ms(int64_column(row["charged_core_ms"]));
  line.set_gpu_ms(int64_column(row["charged_gpu_ms"]));
  line.set_node_ms(int64_column(row["charged_node_ms"]));
  line.set_mem_mib_s(int64_column(row["charged_mem_mib_s"]));
  line.set_pool_cores(plan.totals.cores);
  line.set_pool_gpus(plan.totals.gpus);
  line.set_pool_mem_mib(plan.totals.mem_mib);
  line.set_windowed(std::ranges::any_of(plan.rows, [](const pricing::PriceRow& one) { return !one.windows.empty(); }));
  fill(*line.mutable_charged(), amount_column(row["rated"]), unit_column(row["unit"]));
  const auto by_meter = nlohmann::json::parse(row["by_meter"].is_null() ? "[]" : row["by_meter"].c_str());  // [[0, 480000], [2, 0]]
  for (const auto& one : by_meter) {
    v1::MeterCharge& charge = *line.add_by_meter();
    charge.set_meter(std::string(pricing::name(static_cast<pricing::Meter>(one[0].get<int>()))));
    charge.set_amount(to_text(Amount::of_micros(one[1].get<std::int64_t>())));
  }
}

}  // namespace

// Whose books the caller reads: one account's, all of his, or, for finance and operators who name none, everybody's (empty).
Result<std::vector<BillingAccountId>> Api::accounts_read(const Caller& caller, const std::string& named) {
  const bool staff = caller.has_any({Role::finance, Role::operator_});
  if (!named.empty()) {
    TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(named));
    TRY(const bool seen, look([caller, id](const Market& market) { return market.account(id) != nullptr && may_see(caller, market, id); }));
    if (!seen) return fail(ErrorCode::not_found, "There is no such billing account.");
    return std::vector{id};
  }
  if (staff) return std::vector<BillingAccountId>{};
  TRY(std::vector<BillingAccountId> own, look([caller](const Market& market) {
        std::vector<BillingAccountId> ids;
        for (const BillingAccount* account : market.accounts_of(caller.user))
          if (account->tenant == caller.tenant) ids.push_back(account->id);
        return ids;
      }));
  if (own.empty()) return fail(ErrorCode::not_found, "You have no billing account.");
  return own;
}

Result<v1::GetUsageReply> Api::get_usage(const v1::GetUsageRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::vector<Dimension> by, dimensions_of(request.by()));
  TRY(const std::int64_t first, day_named("from", request.from()));
  TRY(const std::int64_t last, day_named("to", request.to()));
  if (last < first) return fail(ErrorCode::invalid_argument, "to: the last day is before the first.");
  TRY(const std::vector<BillingAccountId> accounts, accounts_read(caller, request.account()));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  std::string columns, order;
  for (std::size_t i = 0; i < by.size(); ++i) {
    columns += fmt::format("{}, ", by[i].column);
    order += fmt::format("{}, ", i + 1);
  }
  // A reading belongs to the day in which its usage ended, on the account's calendar as it is set now; one that ended at
  // midnight, to the day that was over then. The outer bounds let the index find it whatever the zone.
  const std::string query = fmt::format(
      "WITH zones AS (SELECT b.id, coalesce(nullif((SELECT p.zone FROM market.account_policies p WHERE p.account = b.id "
      "ORDER BY p.journal_seq DESC, p.idx DESC LIMIT 1), ''), 'UTC') AS zone FROM market.billing_accounts b "
      "WHERE cardinality($1::uuid[]) = 0 OR b.id = ANY ($1::uuid[])), "
      "u AS (SELECT x.*, ((x.ended_at - interval '1 millisecond') AT TIME ZONE z.zone)::date AS day FROM market.usage x JOIN zones z ON z.id = x.account "
      "WHERE x.ended_at >= $2::date - interval '1 day' AND x.ended_at <= $3::date + interval '3 days') "
      "SELECT {0}count(DISTINCT u.job) AS jobs, sum(u.core_ms)::bigint AS core_ms, sum(u.gpu_ms)::bigint AS gpu_ms, "
      "sum(u.node_ms)::bigint AS node_ms, sum(u.mem_mib_s)::bigint AS mem_mib_s, sum(u.gross_micros)::bigint AS gross, u.unit "
      "FROM u LEFT JOIN market.centers c ON c.id = u.center LEFT JOIN identity.users un ON un.id = u.\"user\" "
      "WHERE u.day BETWEEN $2::date AND $3::date GROUP BY {0}u.unit ORDER BY {1}u.unit LIMIT {2}",
      columns, order, kMostRows + 1);
  return queries_.database().read<v1::GetUsageReply>([&](pqxx::transaction_base& work) -> Result<v1::GetUsageReply> {
    CHECK_OK(check_projected(work, newest));
    v1::GetUsageReply reply;
    for (const auto& row : work.exec_params(query, ids_text(accounts), request.from(), request.to())) {
      if (reply.rows_size() == kMostRows) return fail(ErrorCode::too_large, "There are more than 10,000 rows: ask for less at once.");
      fill_usage(*reply.add_rows(), row, by);
    }
    return reply;
  });
}

// Attempts whose usage became final in the month (of booking, UTC), with all that they were charged.
Result<v1::ListRatableReply> Api::list_ratable(const v1::ListRatableRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::int32_t month, month_named(request.month()));
  if (request.limit() < 0 || request.limit() > kMostRatableLines)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostRatableLines));
  TRY(const std::vector<BillingAccountId> accounts, accounts_read(caller, request.account()));
  CenterId center;
  if (!request.center().empty()) {
    TRY(center, center_of(request.center()));
  }
  AttemptId after;
  if (!request.cursor().empty()) {
    TRY(after, read_id<AttemptIdKind>("cursor", request.cursor()));
  }
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  const int limit = request.limit() == 0 ? kRatableLines : request.limit();
  const std::string from = month_text(month) + "-01T00:00:00Z", until = month_text(month + 1) + "-01T00:00:00Z";
  return queries_.database().read<v1::ListRatableReply>([&](pqxx::transaction_base& work) -> Result<v1::ListRatableReply> {
    CHECK_OK(check_projected(work, newest));
    v1::ListRatableReply reply;
    for (const auto& row : work.exec_params(
             "SELECT f.attempt, f.job, j.tenant, j.account, j.project, j.unit, j.spec, j.decision, a.plan, c.name AS center, " BOURSE_MS("f.started_at") " AS from_ms, "
             BOURSE_MS("f.ended_at") " AS until_ms, " BOURSE_MS("coalesce(q.issued_at, j.submitted_at)") " AS locked_ms, f.charged_core_ms, f.charged_gpu_ms, "
             "f.charged_node_ms, f.charged_mem_mib_s, coalesce(f.rated_micros, (SELECT sum(s.gross_micros) FROM market.usage_captures s WHERE s.job = f.job AND s.attempt = f.attempt))::bigint AS rated, "
             "(SELECT json_agg(json_build_array(l.meter, l.amount_micros) ORDER BY l.line) FROM market.rated_lines l WHERE l.attempt = f.attempt AND l.revision = f.revision) AS by_meter "
             "FROM market.usage_captures f JOIN market.jobs j ON j.id = f.job JOIN market.attempts a ON a.id = f.attempt "
             "JOIN market.centers c ON c.id = a.center LEFT JOIN market.quotes q ON q.id = j.quote "
             "WHERE f.final AND f.booked_at >= $1::timestamptz AND f.booked_at < $2::timestamptz "
             "AND (cardinality($3::uuid[]) = 0 OR j.account = ANY ($3::uuid[])) "
             "AND ($4::uuid = '00000000-0000-0000-0000-000000000000' OR a.center = $4::uuid) AND f.attempt > $5::uuid ORDER BY f.attempt LIMIT $6",
             from, until, ids_text(accounts), sql(center), sql(after), limit + 1)) {
      if (reply.lines_size() == limit) {
        reply.set_next_cursor(reply.lines(limit - 1).id());
        break;
      }
      TRY(const JobSpec spec, decoded_column<JobSpec>(row["spec"]));
      TRY(const Decision decision, decoded_column<Decision>(row["decision"]));
      const auto chosen = row["plan"].as<std::size_t>();
      if (chosen >= decision.plans.size()) return fail(ErrorCode::integrity, "An attempt's plan is missing.");
      const Plan& plan = decision.plans[chosen];
      if (!plan.reservation.is_nil()) continue;  // no price book rates what a reservation carried
      fill_ratable(*reply.add_lines(), row, plan, spec.qos);
    }
    return reply;
  });
}

}  // namespace bourse::broker::api
