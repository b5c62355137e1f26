// Jobs and attempts as rows.
#include "broker/adapters/store/projected_rows.h"

namespace bourse::broker::store {

const char* const JobRow::kStageName = "stage_jobs";
const char* const JobRow::kStage =
    "id uuid, state smallint, cancel_requested boolean, center uuid, pool text, scheduler_job text, attempt uuid, "
    "attempts integer, held bigint, charged bigint, exit_code integer, reason text, started_at timestamptz, "
    "ended_at timestamptz, journal_seq bigint";
const char* const JobRow::kLoad =
    "SELECT j.id, j.account, j.tenant, j.\"user\", j.quote, j.decision, j.unit, j.hold, j.submitted_at, j.state, "
    "j.cancel_requested, j.scheduler_job, j.attempt, j.attempts, j.held_micros, j.charged_micros, j.exit_code, j.reason, "
    "j.started_at, j.ended_at, j.journal_seq, a.plan "
    "FROM market.jobs AS j LEFT JOIN market.attempts AS a ON a.id = j.attempt WHERE j.id = ANY ($1)";
const char* const JobRow::kCopyNew =
    "COPY market.jobs (id, account, tenant, \"user\", quote, name, state, cancel_requested, center, pool, scheduler_job, "
    "attempt, attempts, unit, hold, held_micros, charged_micros, exit_code, reason, submitted_at, started_at, ended_at, "
    "kind, cores, gpus, nodes, mem_mib, walltime_ms, objective, script, spec, decision, journal_seq, project, "
    "array_id, array_index) "
    "FROM STDIN (FORMAT binary)";
const char* const JobRow::kMerge =
    "UPDATE market.jobs AS t SET state = s.state, cancel_requested = s.cancel_requested, center = s.center, pool = s.pool, "
    "scheduler_job = s.scheduler_job, attempt = s.attempt, attempts = s.attempts, held_micros = s.held, "
    "charged_micros = s.charged, exit_code = s.exit_code, reason = s.reason, started_at = s.started_at, "
    "ended_at = s.ended_at, journal_seq = s.journal_seq FROM stage_jobs AS s WHERE t.id = s.id";

JobRow JobRow::read(const Rows& r, int i) {
  JobRow row;
  row.id = {r.uuid(i, 0)};
  row.account = {r.uuid(i, 1)};
  row.tenant = {r.uuid(i, 2)};
  row.user = {r.uuid(i, 3)};
  row.quote = {r.uuid(i, 4)};
  Decision decision;
  codec::Reader(r.bytes(i, 5)).read(decision);
  for (const Plan& plan : decision.plans) row.plans.push_back({plan.center, plan.pool, plan.terms.tax_bps});
  const std::string_view unit = r.text(i, 6);
  for (std::size_t k = 0; k < unit.size() && k < row.unit.code.size(); ++k) row.unit.code[k] = unit[k];
  row.hold = {r.uuid(i, 7)};
  row.submitted_at = r.instant(i, 8);
  row.state = static_cast<JobState>(r.int2(i, 9));
  row.cancel_requested = r.boolean(i, 10);
  row.scheduler_job = r.text(i, 11);
  row.attempt = {r.uuid(i, 12)};
  row.attempts = r.int4(i, 13);
  row.held = {r.int8(i, 14)};
  row.charged = {r.int8(i, 15)};
  row.exit_code = r.int4(i, 16);
  row.reason = r.text(i, 17);
  row.started_at = r.instant(i, 18);
  row.ended_at = r.instant(i, 19);
  row.journal_seq = r.int8(i, 20);
  if (row.attempts > 0) row.plan = static_cast<std::uint32_t>(r.int4(i, 21));
  return row;
}

void JobRow::write_new(CopyRows& out) const {
  const Place place = attempts == 0 ? Place{} : plans[plan];
  const ElementOf element = spec.element;
  out.add(id, account, tenant, user, or_null(quote), spec.name, state, cancel_requested, or_null(place.center), place.pool,
          scheduler_job, or_null(attempt), attempts, unit.text(), hold, held, charged, exit_code, reason, submitted_at,
          or_null(started_at), or_null(ended_at), spec.kind, spec.need.cores, spec.need.gpus, spec.need.nodes,
          spec.need.mem_mib, spec.walltime.ms, spec.objective, spec.script, codec::encoded(spec), decision, journal_seq, spec.project,
          or_null(element.array), element.array.is_nil() ? std::nullopt : std::optional(static_cast<std::int32_t>(element.index)));
}

void JobRow::write_change(CopyRows& out) const {
  const Place place = attempts == 0 ? Place{} : plans[plan];
  out.add(id, state, cancel_requested, or_null(place.center), place.pool, scheduler_job, or_null(attempt), attempts, held, charged, exit_code,
          reason, or_null(started_at), or_null(ended_at), journal_seq);
}

const char* const AttemptRow::kStageName = "stage_attempts";
const char* const AttemptRow::kStage =
    "id uuid, order_hash bytea, scheduler_job text, happened smallint, started_at timestamptz, ended_at timestamptz, "
    "exit_code integer, core_ms bigint, gpu_ms bigint, node_ms bigint, mem_mib_s bigint, usage_revision integer, "
    "usage_final boolean, charged bigint";
const char* const AttemptRow::kLoad =
    "SELECT id, job, fence, plan, center, pool, ordered_at, not_after, order_hash, scheduler_job, happened, started_at, "
    "ended_at, exit_code, core_ms, gpu_ms, node_ms, mem_mib_s, usage_revision, usage_final, charged_micros "
    "FROM market.attempts WHERE id = ANY ($1)";
const char* const AttemptRow::kCopyNew =
    "COPY market.attempts (id, job, fence, plan, center, pool, ordered_at, not_after, order_hash, scheduler_job, happened, "
    "started_at, ended_at, exit_code, core_ms, gpu_ms, node_ms, mem_mib_s, usage_revision, usage_final, charged_micros, tax_bps) "
    "FROM STDIN (FORMAT binary)";
const char* const AttemptRow::kMerge =
    "UPDATE market.attempts AS t SET order_hash = s.order_hash, scheduler_job = s.scheduler_job, happened = s.happened, "
    "started_at = s.started_at, ended_at = s.ended_at, exit_code = s.exit_code, core_ms = s.core_ms, gpu_ms = s.gpu_ms, "
    "node_ms = s.node_ms, mem_mib_s = s.mem_mib_s, usage_revision = s.usage_revision, usage_final = s.usage_final, "
    "charged_micros = s.charged FROM stage_attempts AS s WHERE t.id = s.id";

AttemptRow AttemptRow::read(const Rows& r, int i) {
  AttemptRow row;
  row.id = {r.uuid(i, 0)};
  row.job = {r.uuid(i, 1)};
  row.fence = static_cast<std::uint32_t>(r.int4(i, 2));
  row.plan = static_cast<std::uint32_t>(r.int4(i, 3));
  row.center = {r.uuid(i, 4)};
  row.pool = r.text(i, 5);
  row.ordered_at = r.instant(i, 6);
  row.not_after = r.instant(i, 7);
  row.order_hash = r.hash(i, 8);
  row.scheduler_job = r.text(i, 9);
  row.happened = r.int2(i, 10);
  row.started_at = r.instant(i, 11);
  row.ended_at = r.instant(i, 12);
  row.exit_code = r.int4(i, 13);
  for (std::size_t m = 0; m < pricing::kHeldMeterCount; ++m) row.usage.values[m] = r.int8(i, 14 + static_cast<int>(m));
  row.usage_revision = r.int4(i, 18);
  row.usage_final = r.boolean(i, 19);
  row.charged = {r.int8(i, 20)};
  return row;
}

void AttemptRow::write_new(CopyRows& out) const {
  out.add(id, job, static_cast<std::int32_t>(fence), static_cast<std::int32_t>(plan), center, pool, ordered_at, not_after,
          or_null(order_hash), scheduler_job, happened, or_null(started_at), or_null(ended_at), exit_code, usage.values[0],
          usage.values[1], usage.values[2], usage.values[3], usage_revision, usage_final, charged, tax_bps);
}

void AttemptRow::write_change(CopyRows& out) const {
  out.add(id, or_null(order_hash), scheduler_job, happened, or_null(started_at), or_null(ended_at), exit_code,
          usage.values[0], usage.values[1], usage.values[2], usage.values[3], usage_revision, usage_final, charged);
}

}  // namespace bourse::broker::store
