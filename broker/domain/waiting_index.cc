// Which jobs and arrays wait for which, and which of them can be gone on with.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/market.h"

namespace bourse::broker {
namespace {

bool began(const Job& job) {
  return is_final(job.state) || std::ranges::any_of(job.attempts, [](const Attempt& attempt) { return attempt.started_at.has_value(); });
}

// What a condition comes to where `on` began, is over, and ended well.
Met met_by(After kind, bool began, bool over, bool well) {
  const auto once = [](bool holds) { return holds ? Met::met : Met::open; };
  switch (kind) {
    case After::started: return once(began);
    case After::ended:
    case After::singleton: return once(over);
    case After::succeeded: return over ? (well ? Met::met : Met::never) : Met::open;
    case After::failed: return over ? (well ? Met::never : Met::met) : Met::open;
  }
  return Met::never;
}

}  // namespace

const JobArray* Market::array(JobId id) const {
  const auto found = arrays_.find(id);
  return found == arrays_.end() ? nullptr : found->second.get();
}

const JobArray* Market::array_to_make(JobId element) const {
  for (const JobId id : ready_) {
    const JobArray* whole = array(id);
    if (whole == nullptr || whole->made == whole->count() || whole->id.uuid.high != element.uuid.high) continue;
    const std::uint32_t index = index_in(element);
    if (has_index(whole->spec.array.ranges, index) && element_id(whole->id, index) == element) return whole;
  }
  return nullptr;
}

const absl::btree_set<JobId>& Market::waiters_of(JobId id) const {
  static const absl::btree_set<JobId> kNone;
  const auto found = waiters_.find(id);
  return found == waiters_.end() ? kNone : found->second;
}

std::optional<Met> Market::met(Condition condition) const {
  if (const Job* on = job(condition.on))
    return met_by(condition.kind, began(*on), is_final(on->state), on->state == JobState::ended);
  const JobArray* on = array(condition.on);
  if (on == nullptr) return std::nullopt;
  // One that ended badly is enough to know that not all can end well.
  if (condition.kind == After::succeeded && on->succeeded < on->finished) return Met::never;
  return met_by(condition.kind, on->started == on->count(), on->over(), on->succeeded == on->count());
}

void Market::begin_waiting(JobId id, const JobSpec& spec, const Gate& gate, Instant until) {
  for (std::size_t i = 0; i < spec.after.of.size(); ++i)
    if (gate.of[i] == Met::open) waiters_[spec.after.of[i].on].insert(id);
  wait_ends_.emplace(until, id);
  review(id);
}

void Market::stop_waiting(JobId id, const JobSpec& spec, Instant until) {
  for (const Condition& condition : spec.after.of) {
    const auto found = waiters_.find(condition.on);
    if (found != waiters_.end() && found->second.erase(id) > 0 && found->second.empty()) waiters_.erase(found);
  }
  wait_ends_.erase({until, id});
  ready_.erase(id);
  stalled_.erase(id);
}

void Market::review(JobId id) {
  const JobArray* whole = array(id);
  const Job* single = whole == nullptr ? job(id) : nullptr;
  const bool ready = whole != nullptr ? whole->has_work() : single != nullptr && single->waits() && single->gate.state(single->spec.after.any) != Met::open;
  // One that found no center has nothing else to be done, unless it is to be cancelled.
  const bool stands = stalled_.contains(id) && (whole == nullptr || (whole->cancelling.empty() && whole->made == whole->count()));
  if (ready && !stands)
    ready_.insert(id);
  else
    ready_.erase(id);
}

void Market::stall(JobId id, Instant until) {
  stalls_.emplace(until, id);
  stalled_.insert(id);
  review(id);
}

void Market::tell_waiters(JobId of, bool over) {
  const auto found = waiters_.find(of);
  if (found == waiters_.end()) return;
  for (const JobId waiter : found->second) {
    const auto whole = arrays_.find(waiter);
    const auto single = jobs_.find(waiter);
    BOURSE_ASSERT(whole != arrays_.end() || single != jobs_.end());
    Gate& gate = whole != arrays_.end() ? whole->second->gate : single->second->gate;
    const std::vector<Condition>& conditions = (whole != arrays_.end() ? whole->second->spec : single->second->spec).after.of;
    for (const Condition& condition : std::ranges::equal_range(conditions, of, {}, &Condition::on)) {
      Met& stands = gate.of[static_cast<std::size_t>(&condition - conditions.data())];
      if (stands == Met::open) stands = met(condition).value_or(Met::never);
    }
    review(waiter);
  }
  if (over) waiters_.erase(of);
}

void Market::forget_name(JobId id, UserId user, const std::string& name) {
  const auto found = named_.find({user, name});
  if (found != named_.end() && found->second.erase(id) > 0 && found->second.empty()) named_.erase(found);
}

void Market::index(const JobArray& array) {
  if (array.over()) return;
  named_[{array.user, array.spec.name}].insert(array.id);
  begin_waiting(array.id, array.spec, array.gate, array.wait_until);
}

bool Market::index_waiting(const Job& loaded) {
  const ElementOf element = loaded.spec.element;
  if (element.array.is_nil()) {
    if (!is_final(loaded.state)) named_[{loaded.user, loaded.spec.name}].insert(loaded.id);
    if (loaded.waits()) begin_waiting(loaded.id, loaded.spec, loaded.gate, loaded.wait_until);
    return true;
  }
  if (!loaded.waits()) return true;
  const auto whole = arrays_.find(element.array);
  if (whole == arrays_.end()) return false;
  whole->second->waiting.insert(whole->second->place_of(element.index));
  review(element.array);
  return true;
}

void Market::finish(JobArray& whole) {
  stop_waiting(whole.id, whole.spec, whole.wait_until);
  forget_name(whole.id, whole.user, whole.spec.name);
  tell_waiters(whole.id, true);
  whole.decision = {};  // its elements have it
  whole.cancelling.clear();
  ended_arrays_.push_back(whole.id);
  if (ended_arrays_.size() <= limits_.ended_jobs) return;
  arrays_.erase(ended_arrays_.front());
  ended_arrays_.pop_front();
}

}  // namespace bourse::broker
