#include "connectors/core/reporter.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxReasonBytes = 512;
constexpr std::size_t kMostRecordsOfARun = 8;
constexpr std::size_t kMostReadingsOfAReport = 5'000;  // where another run's begin; one more run's still fit

// Cut at a character's boundary, and without bytes that protobuf would refuse as text.
std::string clean(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxReasonBytes))
    out.push_back(static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F ? '?' : c);
  return out;
}

Meters at_least(const Meters& now, const Meters& before) {
  return {std::max(now.core_ms, before.core_ms), std::max(now.gpu_ms, before.gpu_ms), std::max(now.node_ms, before.node_ms),
          std::max(now.mem_mib_s, before.mem_mib_s)};
}

void note(Run& run, Happening said) {
  if (said == Happening::paused || said == Happening::resumed)
    run.pause_reported = said == Happening::paused;
  else
    run.mark(said);
}

}  // namespace

struct Reporter::Batch {
  wire::Report report;
  std::vector<AttemptId> attempts;
  std::vector<std::pair<AttemptId, Happening>> said;
  std::vector<Run> usage;  // copies that carry the new usage fields
  std::size_t readings = 0;
};

Reporter::Reporter(const Membership& us, const federation::KeyPair& billing, Spool& spool, RunTable& table, const Clock& clock, Rng& rng)
    : us_(us), billing_(billing), spool_(spool), table_(table), clock_(clock), rng_(rng) {}

Status Reporter::recover() {
  const std::uint64_t seq = spool_.last_seq();
  if (seq < spool_.first_seq()) return {};
  TRY(const std::string bytes, spool_.envelope(seq));
  wire::Envelope envelope;
  wire::Report report;
  if (!envelope.ParseFromString(bytes) || !report.ParseFromString(envelope.payload()) || report.seq() != seq)
    return fail(ErrorCode::integrity, "spool: the newest report is not readable");
  if (days_ != nullptr) CHECK_OK(days_->note(report));
  std::set<AttemptId> changed;
  for (const wire::Record& record : report.records()) {
    if (record.has_day()) continue;
    const std::string& id = record.has_event() ? record.event().attempt() : record.usage().attempt();
    TRY(const AttemptId attempt, federation::id_of<AttemptId>(id, "attempt"));
    Run* run = table_.find(attempt);
    if (run == nullptr || run->last_report > seq) continue;
    run->last_report = seq;
    changed.insert(attempt);
    if (record.has_event()) {
      note(*run, static_cast<Happening>(record.event().kind()));
    } else if (record.usage().revision() > run->revision) {
      const wire::UsageRecord& usage = record.usage();
      run->revision = usage.revision();
      TRY(run->usage_record, federation::id_of<UsageRecordId>(usage.record_id(), "record_id"));
      run->meters = {usage.core_ms(), usage.gpu_ms(), usage.node_ms(), usage.mem_mib_s()};
      run->final_reported = run->final_reported || usage.final();
      run->reported_ms = usage.end_ms();
      run->at_edges.clear();
    }
  }
  return table_.save(std::vector(changed.begin(), changed.end()));
}

void Reporter::touch(AttemptId attempt, bool usage) {
  touched_.insert(attempt);
  if (usage) readings_.insert(attempt);
}

void Reporter::touch_unknown(AttemptId attempt) {
  touched_.insert(attempt);
  unknown_.insert(attempt);
}

void Reporter::touch_pause(AttemptId attempt) {
  touched_.insert(attempt);
  paces_.insert(attempt);
}

Status Reporter::flush() {
  while (!touched_.empty()) {
    Batch batch;
    while (!touched_.empty() && static_cast<std::size_t>(batch.report.records_size()) + kMostRecordsOfARun <= federation::kMaxReportRecords &&
           batch.readings < kMostReadingsOfAReport) {
      const AttemptId attempt = *touched_.begin();
      touched_.erase(touched_.begin());
      const Asked asked{.usage = readings_.erase(attempt) > 0, .unknown = unknown_.erase(attempt) > 0, .pause = paces_.erase(attempt) > 0};
      if (Run* run = table_.find(attempt)) collect(*run, asked, batch);
    }
    if (batch.report.records_size() > 0) CHECK_OK(write(batch));
  }
  return days_ != nullptr ? say_days() : Status{};
}

// After all that is owed of attempts: a day's sum is of everything before it in the chain.
Status Reporter::say_days() {
  while (auto day = days_->due(clock_.now(), days_interval_)) {
    Batch batch;
    *batch.report.add_records()->mutable_day() = std::move(*day);
    CHECK_OK(write(batch));
  }
  return {};
}

void Reporter::collect(Run& run, Asked asked, Batch& batch) {
  const std::size_t before = static_cast<std::size_t>(batch.report.records_size());
  const auto say = [&](Happening happening, std::int64_t at_ms) {
    if (happening < Happening::paused && run.has(happening)) return;
    wire::JobEvent& event = *batch.report.add_records()->mutable_event();
    event.set_job(federation::to_bytes(run.job));
    event.set_attempt(federation::to_bytes(run.attempt));
    event.set_fence(run.fence);
    event.set_order_hash(federation::to_bytes(run.order_hash));
    event.set_kind(static_cast<wire::JobEvent::Kind>(happening));
    event.set_at_ms(at_ms);
    event.set_scheduler_job(run.scheduler_job);
    const bool last = happening == Happening::ended || happening == Happening::cancelled ||
                      happening == Happening::rejected || happening == Happening::never_submitted;
    if (last) event.set_exit_code(run.exit_code), event.set_reason(clean(run.reason));
    batch.said.emplace_back(run.attempt, happening);
  };
  const std::int64_t now_ms = clock_.now().unix_ms;
  if (run.phase == RunPhase::refused) {
    if (!run.said_all()) say(run.rejected ? Happening::rejected : Happening::never_submitted, now_ms);
  } else {
    if (!run.order.empty()) say(Happening::accepted, now_ms);
    if (asked.unknown) say(Happening::unknown, now_ms);
    if (!run.scheduler_job.empty()) say(Happening::queued, now_ms);
    if (run.started_ms != 0) say(Happening::started, run.started_ms);
    if (run.phase == RunPhase::over) {
      say(run.cancelled ? Happening::cancelled : Happening::ended, run.ended_ms);
      if (!run.final_reported) add_usage(run, true, batch);
    } else if (run.started_ms != 0) {
      if (asked.pause && run.pause != run.pause_reported) say(run.pause ? Happening::paused : Happening::resumed, now_ms);
      if (asked.usage) add_usage(run, false, batch);
    }
  }
  if (static_cast<std::size_t>(batch.report.records_size()) > before) batch.attempts.push_back(run.attempt);
}

void Reporter::add_usage(Run& run, bool final, Batch& batch) {
  Run next = run;
  next.revision += 1;
  next.usage_record = UsageRecordId::make(clock_.now(), rng_);
  next.meters = at_least(meters_of(run.allocation, milliseconds(run.running_ms)), run.meters);
  next.final_reported = final;

  wire::UsageRecord& usage = *batch.report.add_records()->mutable_usage();
  usage.set_record_id(federation::to_bytes(next.usage_record));
  usage.set_job(federation::to_bytes(run.job));
  usage.set_attempt(federation::to_bytes(run.attempt));
  usage.set_fence(run.fence);
  usage.set_order_hash(federation::to_bytes(run.order_hash));
  usage.set_scheduler_job(run.scheduler_job);
  const std::int64_t end_ms = final ? run.ended_ms : run.seen_ms != 0 ? run.seen_ms : clock_.now().unix_ms;
  usage.set_start_ms(run.started_ms != 0 ? run.started_ms : end_ms);
  // Start and running time are by the scheduler's clock, which may be ahead of ours.
  const Instant by_scheduler = Instant{usage.start_ms()} + milliseconds(run.started_ms != 0 ? run.running_ms : 0);
  usage.set_end_ms(std::max(end_ms, by_scheduler.unix_ms));
  usage.set_final(final);
  usage.set_revision(next.revision);
  if (run.revision > 0) usage.set_supersedes(federation::to_bytes(run.usage_record));
  usage.set_core_ms(next.meters.core_ms);
  usage.set_gpu_ms(next.meters.gpu_ms);
  usage.set_node_ms(next.meters.node_ms);
  usage.set_mem_mib_s(next.meters.mem_mib_s);
  usage.set_raw_sha256(federation::to_bytes(run.raw));
  Meters before = run.meters;
  for (const RunningAt& reading : std::exchange(next.at_edges, {})) {
    if (reading.at_ms <= run.reported_ms || reading.at_ms > usage.end_ms()) continue;
    before = at_least(meters_of(run.allocation, milliseconds(reading.running_ms)), before);
    wire::ReadingAt& to = *usage.add_readings();
    to.set_at_ms(reading.at_ms);
    to.set_core_ms(before.core_ms);
    to.set_gpu_ms(before.gpu_ms);
    to.set_node_ms(before.node_ms);
    to.set_mem_mib_s(before.mem_mib_s);
  }
  batch.readings += static_cast<std::size_t>(usage.readings_size());
  next.reported_ms = std::max(run.reported_ms, usage.end_ms());
  batch.usage.push_back(std::move(next));
}

Status Reporter::write(Batch& batch) {
  wire::Report& report = batch.report;
  const std::uint64_t seq = spool_.last_seq() + 1;
  report.set_version(1);
  report.set_audience(us_.audience);
  report.set_center(federation::to_bytes(us_.center));
  report.set_connector(federation::to_bytes(us_.connector));
  report.set_key_fingerprint(federation::to_bytes(federation::fingerprint(billing_.public_key)));
  report.set_epoch(us_.epoch);
  report.set_seq(seq);
  report.set_previous(federation::to_bytes(spool_.last_hash()));
  report.set_created_ms(clock_.now().unix_ms);
  std::string payload = report.SerializeAsString();
  if (payload.size() > federation::kMaxReportBytes) return fail(ErrorCode::internal, "a report came out too large");
  const Hash256 hash = sha256(payload);
  const wire::Envelope envelope = federation::seal(billing_, federation::kReportType, std::move(payload));
  CHECK_OK(spool_.append(hash, envelope.SerializeAsString()));
  if (days_ != nullptr) CHECK_OK(days_->note(report));

  for (const auto& [attempt, happening] : batch.said) note(*table_.find(attempt), happening);
  for (const Run& next : batch.usage) {
    Run& run = *table_.find(next.attempt);
    run.revision = next.revision;
    run.usage_record = next.usage_record;
    run.meters = next.meters;
    run.final_reported = next.final_reported;
    run.reported_ms = next.reported_ms;
    run.at_edges = next.at_edges;
  }
  for (const AttemptId attempt : batch.attempts) table_.find(attempt)->last_report = seq;
  return table_.save(batch.attempts);
}

}  // namespace bourse::connector
