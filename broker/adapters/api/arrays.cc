#include "broker/adapters/api/arrays.h"

#include <algorithm>

#include "broker/adapters/api/api.h"

namespace bourse::broker::api {
namespace {

// Of all elements together.
std::string_view state_of(const StoredArray& array) {
  const auto in = [&array](JobState state) {
    const auto found = array.states.find(state);
    return found == array.states.end() ? 0U : found->second;
  };
  const std::uint32_t over = in(JobState::ended) + in(JobState::failed) + in(JobState::cancelled);
  if (in(JobState::waiting) == array.elements) return name(JobState::waiting);
  if (over < array.elements) return name(JobState::running);
  return name(in(JobState::failed) > 0 ? JobState::failed : in(JobState::cancelled) > 0 ? JobState::cancelled : JobState::ended);
}

// Of one in the engine, before the projections have it.
StoredArray stored(const JobArray& array, Unit unit) {
  StoredArray out{.id = array.id, .account = array.account, .user = array.user, .quote = array.quote, .spec = array.spec, .decision = array.decision,
                  .unit = unit, .elements = array.count(), .hold = array.hold, .held = Amount{array.hold.micros * array.count()}, .charged = {},
                  .submitted_at = array.submitted_at, .wait_until = array.wait_until, .ended_at = {}, .states = {}};
  out.states[JobState::waiting] = array.count();
  return out;
}

}  // namespace

Result<JobId> job_id_or_not_found(std::string_view text) {
  const auto id = parse_job_or_element(text);
  if (!id) return fail(ErrorCode::not_found);
  return *id;
}

void fill_waiting(v1::Job& out, const JobSpec& spec, const Gate& gate, Instant until) {
  if (!spec.element.array.is_nil()) {
    out.set_array(to_text(spec.element.array));
    out.set_array_index(spec.element.index);
  }
  for (std::size_t i = 0; i < spec.after.of.size(); ++i) {
    v1::WaitCondition& to = *out.add_waits_for();
    to.set_kind(std::string(name(spec.after.of[i].kind)));
    to.set_job(text_or_empty(spec.after.of[i].on));
    if (i < gate.of.size()) to.set_stands(std::string(name(gate.of[i])));
  }
  out.set_wait_until_ms(until.unix_ms);
}

void fill(v1::Job& out, const StoredArray& array, const Market& market) {
  out.set_id(to_text(array.id));
  out.set_name(array.spec.name);
  out.set_account(to_text(array.account));
  out.set_user(to_text(array.user));
  out.set_quote(text_or_empty(array.quote));
  out.set_state(std::string(state_of(array)));
  out.set_submitted_ms(array.submitted_at.unix_ms);
  fill(*out.mutable_held(), array.held, array.unit);
  fill(*out.mutable_charged(), array.charged, array.unit);
  fill(*out.mutable_spec(), array.spec, array.unit, market);
  const JobArray* live = market.array(array.id);
  const bool waits = array.states.contains(JobState::waiting);
  fill_waiting(out, array.spec, live == nullptr ? Gate{} : live->gate, waits ? array.wait_until : Instant{});
  if (out.state() == name(JobState::ended) || out.state() == name(JobState::failed) || out.state() == name(JobState::cancelled)) out.set_ended_ms(array.ended_at.unix_ms);
  v1::ArrayStatus& elements = *out.mutable_elements();
  elements.set_count(array.elements);
  elements.set_indices(to_text(array.spec.array.ranges));
  elements.set_at_once(array.spec.array.at_once);
  for (const auto& [state, count] : array.states) {
    v1::StateCount& to = *elements.add_states();
    to.set_state(std::string(name(state)));
    to.set_count(count);
  }
}

Result<std::optional<v1::Job>> Api::array_seen_by(const Caller& caller, JobId id) {
  TRY(std::optional<StoredArray> array, queries_.array(id));
  return look([caller, id, array = std::move(array)](const Market& market) mutable -> std::optional<v1::Job> {
    if (const JobArray* live = market.array(id); live != nullptr && !array) {
      const BillingAccount* account = market.account(live->account);
      array = stored(*live, account == nullptr ? kCny : Market::unit_of(*account, live->spec));
    }
    if (!array || !may_see(caller, market, array->account)) return std::nullopt;
    v1::Job out;
    fill(out, *array, market);
    fill(*out.mutable_decision(), array->decision, array->spec, array->unit, market);
    return out;
  });
}

Result<v1::Job> Api::seen_by(const Caller& caller, JobId id) {
  auto job = job_seen_by(caller, id);
  if (job || job.error().code != ErrorCode::not_found) return job;
  queries_.wait_for(position());
  TRY(std::optional<v1::Job> array, array_seen_by(caller, id));
  if (!array) return fail(ErrorCode::not_found);
  array->set_position(position());
  return std::move(*array);
}

Result<v1::ListJobsReply> Api::list_folded(const JobFilter& filter) {
  if (filter.state || !filter.array.is_nil()) return fail(ErrorCode::invalid_argument, "arrays: with a state or an array the elements are listed, not folded.");
  TRY(std::vector<StoredJob> jobs, queries_.jobs(filter));
  TRY(std::vector<StoredArray> arrays, queries_.arrays(filter));
  struct Page {
    std::vector<StoredJob> jobs;
    std::vector<StoredArray> arrays;
  };
  auto page = std::make_shared<const Page>(std::move(jobs), std::move(arrays));
  const auto most = static_cast<std::size_t>(filter.limit);
  TRY(v1::ListJobsReply reply, look([page, most](const Market& market) {
        v1::ListJobsReply out;
        auto job = page->jobs.begin();
        auto array = page->arrays.begin();
        for (std::size_t n = 0; n < most && (job != page->jobs.end() || array != page->arrays.end()); ++n) {
          const bool is_job = array == page->arrays.end() || (job != page->jobs.end() && job->job.id > array->id);
          if (is_job) {
            fill_summary(*out.add_jobs(), job->job, job->held, job->charged, job->unit, market);
            ++job;
          } else {
            fill(*out.add_jobs(), *array++, market);
          }
        }
        return out;
      }));
  for (v1::Job& job : *reply.mutable_jobs()) {
    const auto center = parse_id<CenterIdKind>(job.center());
    job.set_unreachable(center && job.ended_ms() == 0 && offline(*center));
  }
  if (std::cmp_equal(reply.jobs_size(), most)) reply.set_next_cursor(reply.jobs(reply.jobs_size() - 1).id());
  return reply;
}

}  // namespace bourse::broker::api
