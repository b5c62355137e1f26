// Signed reports: the chain they hang on, and the job events in them.
#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr Duration kClockAhead = minutes(5);       // how far a center's clock may be before ours
constexpr Duration kBehind = hours(24 * 35);  // how old what it reports may be

std::string expected(std::uint64_t seq) {
  return "Expected report " + std::to_string(seq) + ".";
}

}  // namespace

// True: it is new and fits. False: it was accepted before. An error: neither.
Result<bool> Decider::check_chain(const ApplyReport& report, const Center& center) {
  const ReportChain& chain = center.chain;
  if (barred(center.state))
    return fail(ErrorCode::failed_precondition, "The center is " + std::string(name(center.state)) + ".");
  if (report.epoch != chain.epoch)
    return fail(ErrorCode::failed_precondition, "Expected epoch " + std::to_string(chain.epoch) + ".");
  if (report.seq == 0) return fail(ErrorCode::invalid_argument, "Reports are numbered from 1.");
  if (report.seq > chain.seq + 1) return fail(ErrorCode::sequence_gap, expected(chain.seq + 1));
  if (report.seq == chain.seq + 1 && report.previous == chain.hash) return true;

  const std::uint64_t age = chain.seq - report.seq;  // meaningless for the next one, whose previous hash is wrong
  const bool next = report.seq == chain.seq + 1;
  if (!next && age >= chain.recent.size()) return false;
  if (!next && chain.recent[chain.recent.size() - 1 - age] == report.hash) return false;
  emit(CenterStateChanged{
      center.id, CenterState::quarantined,
      "Two different reports carry the number " + std::to_string(next ? chain.seq : report.seq) + ".", now_});
  return fail(ErrorCode::equivocation, "Report " + std::to_string(report.seq) + "; the center is quarantined.");
}

Result<CommandResult> Decider::on(const ApplyReport& report) {
  const Center* center = market_.center(report.center);
  if (center == nullptr) return fail(ErrorCode::not_found, "center " + to_text(report.center));
  if (report.records.size() > kMaxRecords) return fail(ErrorCode::too_large, "at most 1,000 records in a report");
  TRY(const bool fresh, check_chain(report, *center));
  CommandResult result;
  result.object = report.center.uuid;
  result.repeated = !fresh;
  if (fresh) {
    for (std::uint32_t index = 0; index < report.records.size(); ++index) {
      const auto& record = report.records[index];
      const auto aside = std::visit([&](const auto& r) { return on_record(report, r); }, record);
      if (!aside) continue;
      result.quarantined.emplace_back(index, aside->code);
      const auto [job, attempt] = std::visit([]<class R>(const R& r) {
        if constexpr (std::is_same_v<R, DayRecord>) return std::pair(JobId{}, AttemptId{});
        else return std::pair(r.job, r.attempt);
      }, record);
      emit(RecordQuarantined{report.center, report.seq, index, aside->code, job, attempt, report.hash, aside->detail,
                             now_});
    }
    emit(ReportAccepted{report.center, report.epoch, report.seq, report.hash,
                        static_cast<std::uint32_t>(report.records.size()),
                        static_cast<std::uint32_t>(result.quarantined.size()), now_});
  }
  const ReportChain& chain = market_.center(report.center)->chain;
  result.seq = chain.seq;
  result.hash = chain.hash;
  result.days = std::move(days_);
  return result;
}

Decider::Judged<const Job*> Decider::locate(const ApplyReport& report, JobId id, AttemptId attempt, std::uint32_t fence,
                                            const Hash256& order_hash, bool hash_may_miss) const {
  const Job* job = market_.job(id);
  if (job == nullptr) return set_aside(QuarantineCode::unknown_job);
  const auto own = std::ranges::find(job->attempts, attempt, &Attempt::id);
  if (own == job->attempts.end()) {
    const bool theirs = contains(job->attempts, report.center, &Attempt::center);
    return set_aside(theirs ? QuarantineCode::unknown_job : QuarantineCode::other_center);
  }
  if (own->center != report.center) return set_aside(QuarantineCode::other_center);
  if (own->fence != fence) return set_aside(QuarantineCode::unknown_job, "the attempt has another fence");
  if (fence != job->attempt().fence) return set_aside(QuarantineCode::old_fence);
  if (order_hash.is_zero() && !(hash_may_miss && own->order_hash.is_zero()))
    return set_aside(QuarantineCode::bad_order_hash, "no order hash");
  if (!own->order_hash.is_zero() && own->order_hash != order_hash)
    return set_aside(QuarantineCode::bad_order_hash, "another order hash than before");
  return job;
}

std::optional<Decider::SetAside> Decider::check_time(const ApplyReport& report, Instant at) const {
  for (const Instant t : {report.created, at}) {
    if (t > now_ + kClockAhead) return SetAside{QuarantineCode::in_future, to_text(t)};
    if (t < now_ - kBehind) return SetAside{QuarantineCode::too_old, to_text(t)};
  }
  return std::nullopt;
}

// What came before decides what may come: nothing new after an end, and never "it did not run" after it was seen to. A
// repeat, or a late word of an earlier stage, is harmless and let in.
std::optional<Decider::SetAside> Decider::check_event(const Attempt& attempt, const EventRecord& record) const {
  const auto bad = [&](std::string detail) { return SetAside{QuarantineCode::bad_state, std::move(detail)}; };
  if (record.happening < Happening::accepted || record.happening > Happening::resumed) return bad("unknown happening");
  if (!record.scheduler_job.empty() && !is_token(record.scheduler_job))
    return bad("the scheduler's job id is not a word");
  if (record.happening == Happening::paused || record.happening == Happening::resumed)
    return attempt.started_at && !attempt.ended_at ? std::nullopt : std::optional(bad("it does not run"));
  if (!attempt.happened || record.happening == Happening::unknown) return std::nullopt;
  const Happening before = *attempt.happened;
  const auto contradiction = [&] {
    return bad(std::string(name(record.happening)) + " after " + std::string(name(before)));
  };
  if (before >= Happening::ended) return record.happening == before ? std::nullopt : std::optional(contradiction());
  if (record.happening == Happening::rejected && before >= Happening::started) return contradiction();
  if (record.happening == Happening::never_submitted && before >= Happening::queued) return contradiction();
  return std::nullopt;
}

std::optional<Decider::SetAside> Decider::on_record(const ApplyReport& report, const EventRecord& record) {
  const auto job = locate(report, record.job, record.attempt, record.fence, record.order_hash,
                          record.happening == Happening::never_submitted);
  if (!job) return job.error();
  if (auto aside = check_time(report, record.at)) return aside;
  if (auto aside = check_event((*job)->attempt(), record)) return aside;
  emit(AttemptReported{record.job, record.attempt, record.happening, record.at, record.scheduler_job, record.exit_code,
                       shown(record.reason), record.order_hash});
  follow_up(**job);
  return std::nullopt;
}

}  // namespace bourse::broker
