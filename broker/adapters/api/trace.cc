// One id followed through all of it: quote → hold → order → signed usage → capture → statement → payout.
#include "broker/adapters/api/api.h"

namespace bourse::broker::api {
std::optional<Uuid> chain_id(const std::string& text) {
  if (const auto id = parse_id<JobIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<QuoteIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<HoldIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<AttemptIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<UsageRecordIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<AdjustmentIdKind>(text)) return id->uuid;
  if (const auto id = parse_id<DisputeIdKind>(text)) return id->uuid;
  return std::nullopt;
}

namespace {

v1::TraceReply reply_of(const std::vector<TraceRow>& rows) {
  v1::TraceReply reply;
  for (const TraceRow& row : rows) {
    v1::TraceStep& step = *reply.add_steps();
    step.set_kind(row.kind);
    step.set_id(row.id);
    step.set_at_ms(row.at.unix_ms);
    step.set_text(row.text);
    step.set_position(row.position);
  }
  return reply;
}

}  // namespace

Result<v1::TraceReply> Api::trace(const v1::TraceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  queries_.wait_for(position());
  if (const auto period = parse_id<PeriodIdKind>(request.id())) {
    if (!caller.has_any({Role::operator_, Role::finance})) return fail(ErrorCode::not_found);
    TRY(const std::vector<TraceRow> rows, queries_.trace_period(*period));
    if (rows.empty()) return fail(ErrorCode::not_found);
    return reply_of(rows);
  }
  if (const auto payout = parse_id<PayoutIdKind>(request.id())) {
    if (!caller.has_any({Role::operator_, Role::finance})) return fail(ErrorCode::not_found);
    TRY(const std::vector<TraceRow> rows, queries_.trace_payout(*payout));
    if (rows.empty()) return fail(ErrorCode::not_found);
    return reply_of(rows);
  }
  if (const auto reservation = parse_id<ReservationIdKind>(request.id())) {
    CHECK_OK(reservation_view(caller, *reservation));
    TRY(const std::vector<TraceRow> rows, queries_.trace_reservation(*reservation));
    return reply_of(rows);
  }
  const std::optional<Uuid> any = chain_id(request.id());
  if (!any) return fail(ErrorCode::not_found);
  TRY(const JobId job, queries_.job_of(*any));
  if (job.is_nil()) return fail(ErrorCode::not_found);
  CHECK_OK(job_seen_by(caller, job));
  TRY(const std::vector<TraceRow> rows, queries_.trace_job(job));
  return reply_of(rows);
}

}  // namespace bourse::broker::api
