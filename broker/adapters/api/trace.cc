// One id followed through all of it: quote → hold → order → signed usage → rated lines → capture → statement → payout → payment
// file → export rows. Whoever may see what an id belongs to may follow it; what centers get, and what others bought, is shown to
// operators and finance alone.
#include <fmt/format.h>

#include <charconv>

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

constexpr std::size_t kMostTracedJobs = 200;
constexpr std::size_t kLongestStatementName = 300;

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

bool keeps_books(const Caller& caller) { return caller.has_any({Role::operator_, Role::finance}); }

Result<std::vector<TraceRow>> unless_empty(std::vector<TraceRow> rows) {
  if (rows.empty()) return fail(ErrorCode::not_found);
  return rows;
}

// "812.3": a transfer by its row of the journal and its place in it.
std::optional<std::pair<std::uint64_t, std::uint32_t>> transfer_number(const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return std::nullopt;
  std::int64_t position = 0, index = 0;
  const auto whole = [&](const char* from, const char* to, std::int64_t& out) {
    const auto [end, error] = std::from_chars(from, to, out);
    return from != to && error == std::errc() && end == to && out >= 0 && out <= std::int64_t{1} << 60;
  };
  const char* text_end = text.data() + text.size();
  if (!whole(text.data(), text.data() + dot, position) || !whole(text.data() + dot + 1, text_end, index) || index > 0x7fffffff) return std::nullopt;
  return std::pair(static_cast<std::uint64_t>(position), static_cast<std::uint32_t>(index));
}

// "usg_….2", a rated line, is of its record.
std::string record_of(const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos || !text.starts_with("usg_") || dot + 1 == text.size() || text.find_first_not_of("0123456789", dot + 1) != std::string::npos) return text;
  return text.substr(0, dot);
}

}  // namespace

Result<std::vector<TraceRow>> Api::traced_job(const Caller& caller, JobId job) {
  if (job.is_nil()) return fail(ErrorCode::not_found);
  CHECK_OK(job_seen_by(caller, job));
  return queries_.trace_job(job, keeps_books(caller) ? TraceView::staff : TraceView::account);
}

Result<std::vector<TraceRow>> Api::traced_period(const Caller& caller, PeriodId period) {
  if (keeps_books(caller)) {
    TRY(std::vector<TraceRow> rows, queries_.trace_period(period, TraceView::staff, {}));
    return unless_empty(std::move(rows));
  }
  TRY(const std::vector<BillingAccountId> accounts, look([user = caller.user](const Market& market) {
        std::vector<BillingAccountId> out;
        for (const BillingAccount* account : market.accounts_of(user)) out.push_back(account->id);
        return out;
      }));
  if (accounts.empty()) return fail(ErrorCode::not_found);
  TRY(std::vector<TraceRow> rows, queries_.trace_period(period, TraceView::account, accounts));
  return unless_empty(std::move(rows));
}

// Of a report of several jobs those that the caller may see are named.
Result<std::vector<TraceRow>> Api::traced_message(const Caller& caller, const Hash256& name) {
  TRY(const std::optional<StoredEvidence> found, queries_.evidence(name));
  if (!found || found->kind == EvidenceKind::acknowledgement) return fail(ErrorCode::not_found);
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(blob_kind(found->kind), name));
  const auto jobs = jobs_in(found->kind, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (jobs && jobs->size() == 1) return traced_job(caller, *jobs->begin());
  std::vector<TraceRow> rows;
  const std::string hash = to_hex(name);
  std::size_t looked_at = 0;
  for (const JobId job : jobs.value_or(std::set<JobId>{})) {
    if (looked_at++ == kMostTracedJobs) {
      rows.push_back({"jobs", "", fmt::format("{} in all", jobs->size()), {}, 0});
      break;
    }
    const auto view = job_seen_by(caller, job);
    if (!view && view.error().code != ErrorCode::not_found) return std::unexpected(view.error());
    if (view) rows.push_back({"job", to_text(job), fmt::format("{}, in report sha256 {}", view->name(), hash), Instant{view->submitted_ms()}, 0});
  }
  if (rows.empty() && keeps_books(caller)) rows.push_back({"report", "", fmt::format("sha256 {}: of a center's days, or of nothing; bourse evidence proof has it", hash), {}, 0});
  return unless_empty(std::move(rows));
}

Result<std::vector<TraceRow>> Api::traced_lot(const Caller& caller, LotId lot) {
  TRY(const std::optional<TracedLot> found, queries_.trace_lot(lot));
  if (!found) return fail(ErrorCode::not_found);
  TRY(const bool seen, look([caller, account = found->account](const Market& market) { return may_see(caller, market, account); }));
  if (!seen) return fail(ErrorCode::not_found);
  return found->rows;
}

Result<std::vector<TraceRow>> Api::traced_transfer(const Caller& caller, std::uint64_t position, std::uint32_t index) {
  TRY(const std::optional<TracedTransfer> found, queries_.trace_transfer(position, index));
  if (!found) return fail(ErrorCode::not_found);
  if (!found->job.is_nil()) return traced_job(caller, found->job);
  if (!found->reservation.is_nil()) {
    CHECK_OK(reservation_view(caller, found->reservation));
    return queries_.trace_reservation(found->reservation, keeps_books(caller) ? TraceView::staff : TraceView::account);
  }
  if (!found->lot.is_nil()) return traced_lot(caller, found->lot);
  if (!found->payout.is_nil() && keeps_books(caller)) return queries_.trace_payout(found->payout);
  TRY(const bool seen, look([caller, account = found->account](const Market& market) { return caller.has_any({Role::operator_, Role::finance}) || (!account.is_nil() && may_see(caller, market, account)); }));
  if (!seen) return fail(ErrorCode::not_found);
  return std::vector{found->row};
}

Result<std::vector<TraceRow>> Api::traced(const Caller& caller, const std::string& id) {
  if (const auto transfer = transfer_number(id)) return traced_transfer(caller, transfer->first, transfer->second);
  if (const auto lot = parse_id<LotIdKind>(id)) return traced_lot(caller, *lot);
  if (const auto reservation = parse_id<ReservationIdKind>(id)) {
    CHECK_OK(reservation_view(caller, *reservation));
    return queries_.trace_reservation(*reservation, keeps_books(caller) ? TraceView::staff : TraceView::account);
  }
  if (const auto period = parse_id<PeriodIdKind>(id)) return traced_period(caller, *period);
  if (const std::optional<Uuid> any = chain_id(record_of(id))) {
    TRY(const JobId job, queries_.job_of(*any));
    return traced_job(caller, job);
  }
  if (id.size() <= kLongestStatementName) {
    TRY(const std::optional<PeriodId> named, queries_.period_named(id));
    if (named) return traced_period(caller, *named);
  }
  if (const auto hash = parse_hash(id)) return traced_message(caller, *hash);
  if (!keeps_books(caller)) return fail(ErrorCode::not_found);
  if (const auto payout = parse_id<PayoutIdKind>(id)) {
    TRY(std::vector<TraceRow> rows, queries_.trace_payout(*payout));
    return unless_empty(std::move(rows));
  }
  if (const auto file = parse_crockford(id)) {
    TRY(std::vector<TraceRow> rows, queries_.trace_payment_file(*file));
    return unless_empty(std::move(rows));
  }
  return fail(ErrorCode::not_found);
}

Result<v1::TraceReply> Api::trace(const v1::TraceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  queries_.wait_for(position());
  TRY(const std::vector<TraceRow> rows, traced(caller, request.id()));
  return reply_of(rows);
}

}  // namespace bourse::broker::api
