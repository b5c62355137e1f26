// Evidence: the proof that a signed message is in its center's tree, and how a center's days stand.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/statement/proof.h"
#include "federation-proto/fields.h"

namespace bourse::broker::api {
namespace {

namespace wire = federation::v1;

constexpr Duration kOldCheckpoint = hours(1);

std::string_view kind_name(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::report: return "report";
    case EvidenceKind::order: return "order";
    case EvidenceKind::acknowledgement: return "acknowledgement";
  }
  return "unknown";
}

void fill_sum(v1::DaySum& out, const evidence::DaySum& in) {
  out.set_attempts(in.attempts);
  out.set_finals(in.finals);
  out.set_core_ms(in.core_ms);
  out.set_gpu_ms(in.gpu_ms);
  out.set_node_ms(in.node_ms);
  out.set_mem_mib_s(in.mem_mib_s);
  out.set_digest(to_hex(in.digest));
}

std::string words(const std::optional<evidence::DayReading>& reading) {
  if (!reading) return "-";
  return fmt::format("core_ms {} gpu_ms {} node_ms {} mem_mib_s {}{}", reading->core_ms, reading->gpu_ms, reading->node_ms, reading->mem_mib_s,
                     reading->final ? " final" : "");
}

void fill_day(v1::CenterDay& out, evidence::Day day, const DayState& state) {
  out.set_day(evidence::to_text(day));
  out.set_revision(state.revision);
  out.set_state(state.revision == 0 ? "not_said" : state.agreed ? "agreed" : state.said == state.booked ? "changed" : "differs");
  fill_sum(*out.mutable_booked(), evidence::sum_of(state.readings));
  if (state.revision == 0) return;
  fill_sum(*out.mutable_said(), state.said);
  out.set_answered_ms(state.at.unix_ms);
  for (const evidence::DayDifference& one : state.differences) {
    v1::DayDifference& difference = *out.add_differences();
    difference.set_attempt(to_text(one.attempt));
    difference.set_center(words(one.center));
    difference.set_broker(words(one.broker));
  }
}

}  // namespace

std::optional<std::set<JobId>> jobs_in(EvidenceKind kind, const std::string& message) {
  std::set<JobId> jobs;
  const auto add = [&](const std::string& bytes) {
    const auto job = federation::id_of<JobId>(bytes, "job");
    if (job) jobs.insert(*job);
    return job.has_value();
  };
  if (kind == EvidenceKind::order) {
    wire::DispatchOrder order;
    return order.ParseFromString(message) && add(order.job()) ? std::optional(jobs) : std::nullopt;
  }
  wire::Envelope envelope;
  wire::Report report;
  if (kind != EvidenceKind::report || !envelope.ParseFromString(message) || !report.ParseFromString(envelope.payload())) return std::nullopt;
  for (const wire::Record& record : report.records()) {
    if (record.has_day()) return std::nullopt;  // of all jobs of a day
    if (!add(record.has_event() ? record.event().job() : record.usage().job())) return std::nullopt;
  }
  return jobs;
}

// Whoever may see all that a message speaks of may have it; people who look after the market may have any.
Status Api::check_message_seen(const Caller& caller, EvidenceKind kind, const std::string& message) {
  if (require(caller, {Role::finance, Role::operator_})) return {};
  const auto jobs = jobs_in(kind, message);
  if (!jobs) return fail(ErrorCode::not_found, "There is no such evidence.");
  TRY(const std::vector<BillingAccountId> accounts, queries_.accounts_of_jobs({jobs->begin(), jobs->end()}));
  TRY(const std::size_t seen, look([caller, accounts](const Market& market) {
        return static_cast<std::size_t>(std::ranges::count_if(accounts, [&](BillingAccountId id) { return may_see(caller, market, id); }));
      }));
  if (seen == 0) return fail(ErrorCode::not_found, "There is no such evidence.");
  if (accounts.size() != jobs->size() || seen != accounts.size())
    return fail(ErrorCode::forbidden, "The signed report also speaks of other people's jobs; finance can prove it for you.");
  return {};
}

Result<v1::Document> Api::get_evidence_proof(const v1::GetEvidenceProofRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  queries_.wait_for(position());
  Hash256 name;
  if (const auto hash = parse_hash(request.id())) {
    name = *hash;
  } else {
    const auto any = chain_id(request.id());
    if (!any) return fail(ErrorCode::not_found, "There is no such evidence.");
    TRY(name, queries_.newest_report(*any));
  }
  TRY(const std::optional<StoredEvidence> found, queries_.evidence(name));
  if (!found) return fail(ErrorCode::not_found, "There is no such evidence.");
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(blob_kind(found->kind), name));
  statement::EvidenceProof proof;
  proof.message.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  CHECK_OK(check_message_seen(caller, found->kind, proof.message));

  TRY(std::optional<KeptCheckpoint> checkpoint, parts_.notary.current(found->center, kOldCheckpoint));
  if (!checkpoint || checkpoint->size <= found->index) {
    TRY(checkpoint, parts_.notary.sign(found->center));
  }
  TRY(proof.path, parts_.notary.audit_path(found->center, found->index, checkpoint->size));
  proof.kind = kind_name(found->kind);
  proof.leaf = found->index;
  proof.checkpoint = checkpoint->envelope;
  proof.ack_key = parts_.keys.ack.public_key;
  if (found->kind == EvidenceKind::report) {
    TRY(proof.billing_key, look([center = found->center](const Market& market) { return std::optional(market.center(center)->billing_key); }));
  }
  v1::Document document;
  document.set_name(fmt::format("proof-{}.json", to_hex(name).substr(0, 16)));
  document.set_media_type("application/json");
  document.set_data(statement::proof_json(proof));
  return document;
}

Result<v1::ListDaysReply> Api::list_days(const v1::ListDaysRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  TRY(const CenterId id, center_of(request.center()));
  CHECK_OK(check_seen(seen, id));
  return look([id, now = parts_.clock.now()](const Market& market) {
    v1::ListDaysReply reply;
    const Center& center = *market.center(id);
    const auto closes_at = market.closes_at(center);
    if (closes_at) reply.set_closes_ms(closes_at->unix_ms);
    const CenterDays* days = market.days(id);
    if (days == nullptr) return reply;
    reply.set_offered(days->since.has_value());
    for (const auto& [day, state] : days->days) fill_day(*reply.add_days(), day, state);
    if (!days->since) return reply;
    const Period& open = *market.period(center.open_period);
    for (evidence::Day day = std::max(*days->since, evidence::day_of(open.opened_at)); evidence::end_of(day) <= now; ++day) {
      const auto state = days->days.find(day);
      if (state == days->days.end() || !state->second.agreed) reply.add_open(evidence::to_text(day));
    }
    reply.set_waiting(closes_at && now >= *closes_at && reply.open_size() > 0);
    return reply;
  });
}

}  // namespace bourse::broker::api
