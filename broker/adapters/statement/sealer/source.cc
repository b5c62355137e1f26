#include "broker/adapters/statement/sealer/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <pqxx/pqxx>
#include <set>

#include "broker/adapters/statement/sealer/booked.h"
#include "broker/domain/job.h"

namespace bourse::broker {
namespace {

using statement::Line;
using statement::Parts;
using statement::Statement;

// What a job's captures in one period share: read once.
struct Terms {
  BillingAccountId account;
  JobSpec spec;
  Decision decision;
};

pricing::Readings readings_of_row(const pqxx::row& row, const std::string& kind) {
  pricing::Readings out;
  for (const pricing::Meter meter : pricing::kHeldMeters) out[meter] = int64_of(row[fmt::format("{}_{}", kind, pricing::name(meter))]);
  return out;
}

using LineKey = std::pair<AttemptId, std::uint32_t>;
using LinesByCapture = std::map<LineKey, std::vector<pricing::RatedLine>>;

Result<LinesByCapture> rated_lines(pqxx::transaction_base& work, PeriodId period) {
  LinesByCapture out;
  for (const auto& row : work.exec_params(
           "SELECT l.attempt, l.revision, l.row, l.meter, l.quantity, l.amount_micros FROM market.usage_captures u "
           "JOIN market.rated_lines l ON l.attempt = u.attempt AND l.revision = u.revision WHERE u.period = $1 "
           "ORDER BY l.attempt, l.revision, l.line", to_hyphenated(period.uuid))) {
    TRY(const AttemptId attempt, id_of<AttemptIdKind>(row["attempt"]));
    TRY(const PriceRowId price, id_of<PriceRowIdKind>(row["row"]));
    out[{attempt, row["revision"].as<std::uint32_t>()}].push_back({.row = price,
                                                                   .meter = static_cast<pricing::Meter>(row["meter"].as<int>()),
                                                                   .quantity = int64_of(row["quantity"]),
                                                                   .amount = amount_of(row["amount_micros"])});
  }
  return out;
}

Result<std::map<JobId, Terms>> terms_of_jobs(pqxx::transaction_base& work, PeriodId period) {
  std::map<JobId, Terms> out;
  for (const auto& row : work.exec_params(
           "SELECT j.id, j.account, j.spec, j.decision FROM market.jobs j WHERE j.id IN "
           "(SELECT job FROM market.usage_captures WHERE period = $1)", to_hyphenated(period.uuid))) {
    TRY(const JobId id, id_of<JobIdKind>(row["id"]));
    Terms& terms = out[id];
    TRY(terms.account, id_of<BillingAccountIdKind>(row["account"]));
    TRY(terms.spec, decoded<JobSpec>(row["spec"]));
    TRY(terms.decision, decoded<Decision>(row["decision"]));
  }
  return out;
}

using UsesByCapture = std::map<LineKey, std::vector<statement::PackageUse>>;

// What packages paid of the period's captures, each with what was gone of it before: used, or taken back after its time, less
// what corrections gave back.
Result<UsesByCapture> package_uses(pqxx::transaction_base& work, PeriodId period) {
  UsesByCapture out;
  for (const auto& row : work.exec_params(
           "WITH paid AS (SELECT u.attempt, u.revision, u.journal_seq, u.idx, m.lot FROM market.usage_captures u "
           "JOIN market.lot_moves m ON m.attempt = u.attempt AND m.journal_seq = u.journal_seq AND m.idx = u.idx "
           "WHERE u.period = $1 AND u.unit IS NOT NULL), "
           "moves AS (SELECT m.lot, m.journal_seq, m.idx, -m.amount_micros AS used, -m.money_micros AS money, "
           "sum(-m.amount_micros) OVER before AS used_before, sum(-m.money_micros) OVER before AS moved_before "
           "FROM market.lot_moves m WHERE m.lot IN (SELECT lot FROM paid) "
           "WINDOW before AS (PARTITION BY m.lot ORDER BY m.journal_seq, m.idx ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) "
           "SELECT p.attempt, p.revision, l.id, l.amount_micros, l.price_micros, m.used, m.money, coalesce(m.used_before, 0)::bigint AS used_before, "
           "coalesce(m.moved_before, 0)::bigint AS moved_before FROM paid p "
           "JOIN moves m ON m.lot = p.lot AND m.journal_seq = p.journal_seq AND m.idx = p.idx JOIN market.lots l ON l.id = p.lot "
           "ORDER BY p.attempt, p.revision, l.expires_at, l.id", to_hyphenated(period.uuid))) {
    TRY(const AttemptId attempt, id_of<AttemptIdKind>(row["attempt"]));
    statement::PackageUse use{.amount = amount_of(row["amount_micros"]), .price = amount_of(row["price_micros"])};
    TRY(use.lot, id_of<LotIdKind>(row["id"]));
    use.used_before = amount_of(row["used_before"]), use.used_after = use.used_before + amount_of(row["used"]);
    use.moved_before = amount_of(row["moved_before"]), use.money = amount_of(row["money"]);
    out[{attempt, row["revision"].as<std::uint32_t>()}].push_back(use);
  }
  return out;
}

// What the plan locked beyond plain prices. What the center gets isn't projected: it follows from plan and readings.
Status add_settled(const Plan& plan, std::vector<std::int64_t> settled_to, Line& line) {
  const auto whole_job = [](const std::vector<pricing::PriceRow>& rows) {
    return !rows.empty() && rows.front().strategy != pricing::Strategy::per_meter;
  };
  if (whole_job(plan.rows) || whole_job(plan.settlement)) line.held = plan.allocation;
  line.pool = plan.totals;
  line.may_subsidise = plan.may_subsidise;
  if (plan.settlement.empty()) return {};
  const bool windows = pricing::by_windows(plan.settlement);
  if (windows && settled_to.empty()) settled_to.assign(plan.settlement.size(), 0);
  TRY(const pricing::Rating settled, windows ? pricing::rate_quantities(settled_to, plan.settlement)
                                             : pricing::rate_held(line.charged, plan.allocation, plan.totals, plan.settlement));
  for (std::size_t i = 0; i < plan.settlement.size(); ++i)
    line.settled.push_back(statement::rated_of(plan.settlement[i], settled.lines[i]));
  return {};
}

// What a capture had of rows with windows; nothing where there were none.
Result<CapturedWindows> windows_of(const pqxx::field& field) {
  if (field.is_null()) return CapturedWindows{};
  return decoded<CapturedWindows>(field);
}

// Captures are found by their job: attempts alone have no index.
constexpr const char* kCaptures =
    "SELECT u.attempt, u.revision, u.job, u.record, u.final, u.reported_core_ms, u.reported_gpu_ms, u.reported_node_ms, "
    "u.reported_mem_mib_s, u.charged_core_ms, u.charged_gpu_ms, u.charged_node_ms, u.charged_mem_mib_s, u.gross_micros, "
    "u.center_share_micros, u.margin_micros, u.tax_micros, u.report, u.adjusts, a.plan, a.order_hash, "
    "(extract(epoch FROM u.started_at) * 1000)::bigint AS start_ms, (extract(epoch FROM u.ended_at) * 1000)::bigint AS end_ms, "
    "(extract(epoch FROM u.booked_at) * 1000)::bigint AS booked_ms, "
    "p.gross AS before_gross, p.center AS before_center, p.margin AS before_margin, p.tax AS before_tax, "
    "u.unit AS rated_in, u.rated_micros, coalesce((SELECT e.rated_micros FROM market.usage_captures e WHERE e.job = u.job AND e.attempt = u.attempt "
    "AND e.revision = u.revision - 1), 0) AS before_rated, u.windowed, b.windowed AS before_windowed, b.charged_core_ms AS before_core_ms, b.charged_gpu_ms AS before_gpu_ms, "
    "b.charged_node_ms AS before_node_ms, b.charged_mem_mib_s AS before_mem_mib_s "
    "FROM market.usage_captures u JOIN market.attempts a ON a.id = u.attempt "
    "LEFT JOIN market.usage_captures b ON u.windowed IS NOT NULL AND b.job = u.job AND b.attempt = u.attempt AND b.revision = u.revision - 1, "
    "LATERAL (SELECT coalesce(sum(e.gross_micros), 0)::bigint AS gross, coalesce(sum(e.center_share_micros), 0)::bigint AS center, "
    "coalesce(sum(e.margin_micros), 0)::bigint AS margin, coalesce(sum(e.tax_micros), 0)::bigint AS tax "
    "FROM market.usage_captures e WHERE e.job = u.job AND e.attempt = u.attempt AND e.revision < u.revision) p "
    "WHERE u.period = $1 ORDER BY u.journal_seq, u.idx";

Result<Line> line_of_row(const pqxx::row& row, const std::map<JobId, Terms>& jobs, const LinesByCapture& rated, const UsesByCapture& packages) {
  Line line;
  TRY(line.job, id_of<JobIdKind>(row["job"]));
  TRY(line.attempt, id_of<AttemptIdKind>(row["attempt"]));
  TRY(line.record, id_of<UsageRecordIdKind>(row["record"]));
  line.revision = row["revision"].as<std::uint32_t>();
  line.final = row["final"].as<bool>();
  line.start = Instant{int64_of(row["start_ms"])};
  line.end = Instant{int64_of(row["end_ms"])};
  line.booked_at = Instant{int64_of(row["booked_ms"])};
  line.reported = readings_of_row(row, "reported");
  line.charged = readings_of_row(row, "charged");
  TRY(line.report, hash_of(row["report"]));
  TRY(line.order, hash_of(row["order_hash"]));
  if (!row["adjusts"].is_null()) {
    TRY(line.adjusts, id_of<PeriodIdKind>(row["adjusts"]));
  }
  line.previous = {amount_of(row["before_gross"]), amount_of(row["before_center"]), amount_of(row["before_margin"]), amount_of(row["before_tax"])};
  line.added = {amount_of(row["gross_micros"]), amount_of(row["center_share_micros"]), amount_of(row["margin_micros"]), amount_of(row["tax_micros"])};
  line.cumulative = {line.previous.gross + line.added.gross, line.previous.center + line.added.center,
                     line.previous.margin + line.added.margin, line.previous.tax + line.added.tax};

  if (!row["rated_in"].is_null()) {
    statement::InDu& du = line.du.emplace(statement::InDu{.cumulative = amount_of(row["rated_micros"]), .previous = amount_of(row["before_rated"]), .added = {}, .lots = {}});
    du.added = du.cumulative - du.previous;
    if (const auto uses = packages.find({line.attempt, line.revision}); uses != packages.end()) du.lots = uses->second;
  }

  const auto job = jobs.find(line.job);
  const auto plan_index = row["plan"].as<std::size_t>();
  if (job == jobs.end() || plan_index >= job->second.decision.plans.size())
    return fail(ErrorCode::integrity, fmt::format("The plan of {} is missing.", to_text(line.job)));
  const Plan& plan = job->second.decision.plans[plan_index];
  line.terms = plan.terms;
  if (!plan.reservation.is_nil()) line.reservation = plan.reservation, line.account = job->second.account;
  line.caps = pricing::readings_of(plan.allocation, job->second.spec.walltime);
  TRY(const CapturedWindows windows, windows_of(row["windowed"]));
  CHECK_OK(add_settled(plan, windows.use.settled, line));
  if (windows.use.at != Instant{}) {
    TRY(const CapturedWindows earlier, windows_of(row["before_windowed"]));
    const bool first = earlier.use.at == Instant{};
    line.windowed = statement::Windowed{.since = first ? line.start : earlier.use.at, .before = {}, .sold = earlier.use.sold,
                                        .settled = earlier.use.settled, .readings = windows.readings};
    if (!first) line.windowed->before = readings_of_row(row, "before");
    if (first) line.windowed->sold.assign(windows.use.sold.size(), 0), line.windowed->settled.assign(windows.use.settled.size(), 0);
  }
  const auto lines = rated.find({line.attempt, line.revision});
  if (lines == rated.end()) return line;
  for (const pricing::RatedLine& one : lines->second) {
    const auto price = std::ranges::find(plan.rows, one.row, &pricing::PriceRow::id);
    if (price == plan.rows.end()) return fail(ErrorCode::integrity, fmt::format("{} was not locked for {}.", to_text(one.row), to_text(line.job)));
    line.rated.push_back(statement::rated_of(*price, one));
  }
  return line;
}

}  // namespace

struct StatementSource::Impl {
  std::string conninfo, market;
  BlobStore& blobs;
  std::unique_ptr<pqxx::connection> connection;

  Result<Statement> read(const Period& period) {
    if (!connection) connection = std::make_unique<pqxx::connection>(conninfo);
    pqxx::read_transaction work(*connection);
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    work.exec("SET LOCAL statement_timeout = 120000");
    Statement out;
    TRY(const LinesByCapture rated, rated_lines(work, period.id));
    TRY(const auto jobs, terms_of_jobs(work, period.id));
    TRY(const UsesByCapture packages, package_uses(work, period.id));
    for (const auto& row : work.exec_params(kCaptures, to_hyphenated(period.id.uuid))) {
      TRY(Line line, line_of_row(row, jobs, rated, packages));
      out.lines.push_back(std::move(line));
    }
    CHECK_OK(read_booked(work, period.id, out));
    return out;
  }

  Status add_reports(Statement& out) {
    std::vector<Hash256> wanted;
    for (const Line& line : out.lines) wanted.push_back(line.report);
    for (const ClosedDay& day : out.completeness->days)
      if (day.revision != 0) wanted.push_back(day.report);
    std::set<Hash256> seen;
    for (const Hash256& report : wanted) {
      if (!seen.insert(report).second) continue;
      TRY(const std::vector<std::byte> bytes, blobs.get(BlobKind::report, report));
      out.reports.push_back({.sha256 = report, .envelope = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
    }
    return {};
  }
};

StatementSource::StatementSource(std::string reader_conninfo, std::string market, BlobStore& blobs)
    : impl_(std::make_unique<Impl>(std::move(reader_conninfo), std::move(market), blobs, nullptr)) {}
StatementSource::~StatementSource() = default;

Result<Statement> StatementSource::gather(const Period& period, const Center& center) {
  Result<Statement> read = fail(ErrorCode::internal);
  try {
    read = impl_->read(period);
  } catch (const pqxx::broken_connection& e) {
    impl_->connection.reset();
    return fail(ErrorCode::unavailable, e.what());
  } catch (const std::exception& e) {
    impl_->connection.reset();
    return fail(ErrorCode::internal, e.what());
  }
  if (!read) return read;
  Statement& out = *read;
  out.completeness = {period.completeness, period.incomplete_reason, period.days};
  CHECK_OK(impl_->add_reports(out));
  out.market = impl_->market;
  out.center = center.id;
  out.center_name = center.name;
  out.billing_key = center.billing_key;
  out.period = period.id;
  out.number = period.number;
  out.unit = period.unit;
  out.opened_at = period.opened_at;
  out.cut_off = period.cut_off;
  for (const Line& line : out.lines) {
    out.totals.gross += line.added.gross;
    out.totals.center += line.added.center;
    out.totals.margin += line.added.margin;
    out.totals.tax += line.added.tax;
  }
  const Parts journaled{period.gross, period.center_share, period.margin, period.tax};
  const Parts accrued{period.accrued.gross, period.accrued.center_share, period.accrued.margin, period.accrued.tax};
  if (out.accrued != accrued || out.accruals.size() != period.accruals || out.totals != journaled || out.lines.size() != period.captures || out.adjusted != period.adjusted ||
      out.adjustments.size() != period.adjustments || out.payout != period.paid_out || out.fee != period.fee || out.fees.size() != period.fees)
    return fail(ErrorCode::integrity, fmt::format("The lines of period {} of {} don't add up to its sums.", period.number, center.name));
  out.opening = period.opening;
  out.closing = period.closing();
  return read;
}

}  // namespace bourse::broker
