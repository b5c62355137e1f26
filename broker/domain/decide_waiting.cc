// What is not dispatched when it is submitted: jobs with conditions, and arrays, whose elements become jobs and are dispatched in
// steps, so that no array keeps the market from its other work.
#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kStep = 200;            // jobs made, dispatched or cancelled by one Advance
constexpr std::size_t kLookedAt = 5'000;      // elements that a step of cancelling looks at
constexpr std::size_t kWaitsEnded = 200;      // a tick
constexpr Duration kStall = seconds(10);
constexpr std::size_t kMostAtACenter = 5'000;  // attempts that may run, when an element or a job that waited is to become one more; a connector holds 10,000

std::string in_words(const Condition& condition) { return std::string(name(condition.kind)) + ":" + to_text(condition.on); }

// Which condition keeps it from ever being dispatched.
std::string why_never(const Dependency& after, const Gate& gate) {
  for (std::size_t i = 0; i < gate.of.size(); ++i) {
    if (gate.of[i] != Met::never) continue;
    const bool well = after.of[i].kind == After::failed;
    return in_words(after.of[i]) + " can't hold any more: that ended " + (well ? "well." : "otherwise.");
  }
  return "Its conditions can't hold any more.";
}

constexpr const char* kHopeless = "None of its plans can be had any more: a reservation is over, or a center revoked.";

// Nothing that may still happen lets one of the plans be ordered.
bool hopeless(const Market& market, const Decision& decision) {
  return std::ranges::all_of(decision.plans, [&](const Plan& plan) {
    const Center* center = market.center(plan.center);
    const bool carried = !plan.reservation.is_nil();
    return center == nullptr || center->state == CenterState::revoked || (carried && market.reservation(plan.reservation) == nullptr);
  });
}

}  // namespace

Result<Gate> Decider::gate_of(const BillingAccount& account, UserId user, JobSpec& spec) const {
  std::vector<Condition> conditions;
  for (const Condition& condition : spec.after.of) {
    if (condition.kind != After::singleton) {
      conditions.push_back(condition);
      continue;
    }
    const auto same_name = market_.named_.find({user, spec.name});
    if (same_name == market_.named_.end()) continue;
    for (const JobId id : same_name->second) {
      const JobArray* array = market_.array(id);
      if (conditions.size() > kMaxConditions) break;  // refused below
      if ((array != nullptr ? array->account : market_.job(id)->account) == account.id) conditions.push_back({After::singleton, id});
    }
  }
  if (conditions.size() > kMaxConditions) return fail(ErrorCode::invalid_argument, "dependency may have at most 500 conditions");
  std::ranges::sort(conditions, {}, [](const Condition& c) { return std::pair(c.on, c.kind); });
  conditions.erase(std::ranges::unique(conditions).begin(), conditions.end());
  Gate gate;
  for (const Condition& condition : conditions) {
    const JobArray* array = market_.array(condition.on);
    if (array == nullptr) array = market_.array_to_make(condition.on);
    const Job* job = array == nullptr ? market_.job(condition.on) : nullptr;
    const bool own = array != nullptr ? array->account == account.id : job != nullptr && job->account == account.id;
    if (!own) return fail(ErrorCode::not_found, "dependency: " + to_text(condition.on) + " is no job of this account that the market still knows.");
    gate.of.push_back(market_.met(condition).value_or(Met::open));  // an element that isn't made yet
  }
  spec.after.of = std::move(conditions);
  if (spec.after.of.empty()) spec.after.any = false;
  if (gate.state(spec.after.any) == Met::never) return fail(ErrorCode::failed_precondition, "dependency: " + why_never(spec.after, gate));
  return gate;
}

Result<CommandResult> Decider::submit_array(const SubmitJob& command, const BillingAccount& account, JobSubmitted common) {
  const auto elements = static_cast<std::int64_t>(count_of(common.spec.array.ranges));
  TRY(ledger::HoldPlaced each, hold_for(command, account, common, elements));
  each.amount = Amount{each.amount.micros / elements};
  if (!command.quote.is_nil()) emit(QuoteDropped{command.quote});
  expire_lots(account, Market::unit_of(account, common.spec));
  for (std::int64_t n = 0; n < elements; ++n) {
    const JobId element = element_id(command.job, nth_index(common.spec.array.ranges, static_cast<std::size_t>(n)));
    each.hold = derive_hold(element);
    each.reference = element.uuid;
    auto placed = market_.ledger_.place(each);
    BOURSE_ASSERT(placed.has_value());  // all of them together could be
    emit(std::move(*placed));
  }
  emit(ArraySubmitted{.array = command.job,
                      .account = common.account,
                      .tenant = common.tenant,
                      .user = common.user,
                      .quote = common.quote,
                      .spec = std::move(common.spec),
                      .decision = std::move(common.decision),
                      .hold = each.amount,
                      .worth = common.worth,
                      .gate = std::move(common.gate),
                      .at = now_,
                      .wait_until = common.wait_until});
  return made(command.job.uuid);
}

Result<CommandResult> Decider::cancel_array(const CancelJob& command, const JobArray& array) {
  if (!command.by.is_nil() && !usable_account(array.account, command.by)) return fail(ErrorCode::not_found, "job " + to_text(command.job));
  if (array.over()) return fail(ErrorCode::job_ended, "All of its elements are over.");
  const auto& all = array.spec.array.ranges;
  if (!command.elements.empty()) {
    CHECK_OK(check_index_ranges(command.elements));
    for (std::size_t n = 0; n < count_of(command.elements); ++n)
      if (const std::uint32_t index = nth_index(command.elements, n); !has_index(all, index))
        return fail(ErrorCode::not_found, "The array has no element " + std::to_string(index) + ".");
  }
  if (array.cancelling.size() + command.elements.size() > 10 * kMaxIndexRanges)
    return fail(ErrorCode::overloaded, "Others of its elements are being cancelled.");
  emit(ArrayCancelRequested{array.id, command.elements.empty() ? all : command.elements, command.by, shown(command.reason), now_});
  return made(command.job.uuid);
}

Result<CommandResult> Decider::on(const Advance&) {
  advance();
  return CommandResult{};
}

void Decider::advance() {
  for (std::size_t left = kStep; left > 0 && market_.has_work();) {
    const JobId id = *market_.ready_.begin();
    std::size_t done = 1;
    if (const JobArray* array = market_.array(id))
      done = advance(*array, left);
    else
      advance(*market_.job(id));
    left -= std::min(left, std::max<std::size_t>(done, 1));
  }
}

void Decider::advance(const Job& job) {
  if (job.gate.state(job.spec.after.any) == Met::never) return close(job, JobState::cancelled, shown(why_never(job.spec.after, job.gate)));
  if (hopeless(market_, job.decision)) return close(job, JobState::cancelled, kHopeless);
  if (!start(job)) market_.stall(job.id, now_ + kStall);
}

// Does one kind of thing of it; says how many jobs that took.
std::size_t Decider::advance(const JobArray& array, std::size_t most) {
  if (array.made < array.count()) {
    most = std::min<std::size_t>(most, array.count() - array.made);
    make_elements(array, most);
    return most;
  }
  if (!array.cancelling.empty()) {
    cancel_elements(array, most);
    return most;
  }
  if (array.gate.state(array.spec.after.any) == Met::never) return give_up(array, most, shown(why_never(array.spec.after, array.gate)));
  if (hopeless(market_, array.decision)) return give_up(array, most, kHopeless);
  return start_elements(array, most);
}

void Decider::make_elements(const JobArray& array, std::size_t most) {
  JobSubmitted element{.account = array.account,
                       .tenant = array.tenant,
                       .user = array.user,
                       .quote = array.quote,
                       .spec = array.spec,
                       .decision = array.decision,
                       .at = now_,
                       .worth = array.worth,
                       .wait_until = array.wait_until};
  element.spec.after = {};  // the array's, which all of them wait for
  for (std::size_t n = 0; n < most; ++n) {
    const std::uint32_t index = array.index_at(array.made);
    element.job = element_id(array.id, index);
    element.hold = derive_hold(element.job);
    element.spec.element = {array.id, index};
    emit(element);
  }
}

void Decider::cancel_elements(const JobArray& array, std::size_t most) {
  const JobId id = array.id;
  std::uint32_t place = array.cancel_next;
  const auto stop = static_cast<std::uint32_t>(std::min<std::size_t>(array.count(), place + kLookedAt));
  const UserId by = array.cancelled_by;
  const std::string reason = array.cancel_reason;
  for (; place < stop && most > 0; ++place) {
    const std::uint32_t index = array.index_at(place);
    if (!has_index(array.cancelling, index)) continue;
    const Job* job = market_.job(element_id(id, index));
    if (job == nullptr || is_final(job->state) || job->cancel_requested) continue;
    --most;
    emit(CancelRequested{job->id, by, now_, reason});
    if (!job->waits()) continue;
    close(*job, JobState::cancelled, job->reason);
    if (array.over()) return;
  }
  emit(ArrayCancelMoved{id, place});
}

// Of those that wait.
std::size_t Decider::give_up(const JobArray& array, std::size_t most, const std::string& why) {
  const JobId id = array.id;
  std::size_t done = 0;
  for (; done < most && !array.waiting.empty(); ++done) {
    const bool last = array.finished + 1 == array.count();
    close(*market_.job(element_id(id, array.index_at(*array.waiting.begin()))), JobState::cancelled, why);
    if (last) return done + 1;  // the market may have forgotten it
  }
  return done;
}

std::size_t Decider::start_elements(const JobArray& array, std::size_t most) {
  const JobId id = array.id;
  std::size_t done = 0;
  for (; done < most && array.may_start(); ++done) {
    if (start(*market_.job(element_id(id, array.index_at(*array.waiting.begin()))))) continue;
    market_.stall(id, now_ + kStall);
    break;
  }
  return done;
}

bool Decider::start(const Job& job) {
  if (market_.account(job.account)->frozen) return false;  // looked at again, as where no center takes work
  const auto plan = plan_now(job);
  if (plan) order(job.id, derive_attempt(job.id, 1, now_), 1, *plan, job.decision);
  return plan.has_value();
}

// The prices are those of the submission; which of the plans is the best may be another by now.
std::optional<std::uint32_t> Decider::plan_now(const Job& job) const {
  using Rank = std::pair<unsigned __int128, unsigned __int128>;
  std::optional<std::pair<Rank, std::uint32_t>> best;
  for (std::uint32_t i = 0; i < job.decision.plans.size(); ++i) {
    const Plan& plan = job.decision.plans[i];
    if (!market_.online(plan.center) || !takes_work(plan, job.spec.walltime)) continue;
    // A center that was given more than it may hold would turn away everybody's jobs.
    if (const auto due = market_.due_.find(plan.center); due != market_.due_.end() && due->second.running.size() >= kMostAtACenter) continue;
    const auto wait = market_.router_.wait(plan.center, plan.pool, plan.allocation);
    if (!wait || (job.spec.deadline && now_ + *wait + plan.duration > *job.spec.deadline)) continue;
    const auto end = static_cast<unsigned __int128>(wait->ms + plan.duration.ms);
    const auto total = static_cast<unsigned __int128>(plan.total.micros);
    Rank rank{total, end};
    if (job.spec.objective == Objective::fastest) rank = {end, total};
    if (job.spec.objective == Objective::best_value) rank = {total * end, end};
    if (!best || std::pair(rank, i) < *best) best = {rank, i};
  }
  return best ? std::optional(best->second) : std::nullopt;
}

void Decider::end_waits() {
  while (!market_.stalls_.empty() && market_.stalls_.begin()->first <= now_) {
    const JobId id = market_.stalls_.begin()->second;
    market_.stalls_.erase(market_.stalls_.begin());
    market_.stalled_.erase(id);
    market_.review(id);
  }
  const std::string why = "It waited for " + std::to_string(kLongestWait.ms / hours(24).ms) + " days.";
  for (std::size_t n = 0; n < kWaitsEnded && !market_.wait_ends_.empty() && market_.wait_ends_.begin()->first <= now_; ++n) {
    const JobId id = market_.wait_ends_.begin()->second;
    if (const JobArray* array = market_.array(id); array != nullptr && !array->waiting.empty()) {
      n += give_up(*array, kWaitsEnded - n, why);
    } else if (array != nullptr) {
      if (array->made < array->count()) return;
      market_.wait_ends_.erase(market_.wait_ends_.begin());  // all of it was dispatched
    } else {
      close(*market_.job(id), JobState::cancelled, why);
    }
  }
}

}  // namespace bourse::broker
