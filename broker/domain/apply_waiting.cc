// Events of what waits: arrays, their elements, and jobs with conditions.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

JobArray& Applier::array(JobId id) const {
  const auto it = market.arrays_.find(id);
  BOURSE_ASSERT(it != market.arrays_.end());
  return *it->second;
}

void Applier::operator()(const ArraySubmitted& event) const {
  auto fresh = std::make_unique<JobArray>();
  fresh->id = event.array;
  fresh->account = event.account;
  fresh->tenant = event.tenant;
  fresh->user = event.user;
  fresh->quote = event.quote;
  fresh->spec = event.spec;
  fresh->decision = event.decision;
  fresh->hold = event.hold;
  fresh->worth = event.worth;
  fresh->gate = event.gate;
  fresh->submitted_at = event.at;
  fresh->wait_until = event.wait_until;
  const auto [it, is_new] = market.arrays_.try_emplace(event.array, std::move(fresh));
  BOURSE_ASSERT(is_new);
  const JobArray& added = *it->second;
  const bool in_money = Market::unit_of(account(added.account), added.spec) == account(added.account).unit;
  spending(added.account, added.user).held += Amount{(in_money ? added.hold : added.worth).micros * added.count()};
  market.index(added);
}

void Applier::operator()(const ArrayCancelRequested& event) const {
  JobArray& of = array(event.array);
  of.cancelling.insert(of.cancelling.end(), event.indices.begin(), event.indices.end());
  of.cancelled_by = event.by;
  of.cancel_reason = event.reason;
  of.cancel_next = 0;
  market.review(of.id);
}

void Applier::operator()(const ArrayCancelMoved& event) const {
  JobArray& of = array(event.array);
  of.cancel_next = event.next;
  if (of.cancel_next == of.count()) of.cancelling.clear();
  market.review(of.id);
}

void Applier::wait(const Job& of, Instant until) const {
  const ElementOf element = of.spec.element;
  if (element.array.is_nil()) market.named_[{of.user, of.spec.name}].insert(of.id);
  if (until == Instant{}) return;
  Job& waiting = job(of.id);
  waiting.state = JobState::waiting;
  waiting.wait_until = until;
  if (element.array.is_nil()) return market.begin_waiting(of.id, of.spec, of.gate, until);
  JobArray& whole = array(element.array);
  BOURSE_ASSERT(whole.place_of(element.index) == whole.made);
  whole.waiting.insert(whole.made++);
  market.review(whole.id);
}

void Applier::go(Job& of) const {
  if (!of.waits()) return;
  const ElementOf element = of.spec.element;
  if (element.array.is_nil()) return market.stop_waiting(of.id, of.spec, of.wait_until);
  JobArray& whole = array(element.array);
  whole.waiting.erase(whole.place_of(element.index));
  ++whole.live;
  market.review(whole.id);
}

void Applier::count_start(const Job& of) const {
  if (const JobId whole = of.spec.element.array; !whole.is_nil() && ++array(whole).started == array(whole).count())
    market.tell_waiters(whole, false);
  market.tell_waiters(of.id, false);
}

void Applier::count_end(const Job& of, bool waited) const {
  const ElementOf element = of.spec.element;
  if (element.array.is_nil()) {
    if (waited) market.stop_waiting(of.id, of.spec, of.wait_until);
    market.forget_name(of.id, of.user, of.spec.name);
    return market.tell_waiters(of.id, true);
  }
  JobArray& whole = array(element.array);
  if (waited)
    whole.waiting.erase(whole.place_of(element.index));
  else
    --whole.live;
  ++whole.finished;
  whole.succeeded += of.state == JobState::ended ? 1 : 0;
  const bool first_failure = of.state != JobState::ended && whole.finished - whole.succeeded == 1;
  const bool began = std::ranges::any_of(of.attempts, [](const Attempt& attempt) { return attempt.started_at.has_value(); });
  const bool last_to_start = !began && ++whole.started == whole.count();
  if ((first_failure || last_to_start) && !whole.over()) market.tell_waiters(whole.id, false);
  market.tell_waiters(of.id, true);
  if (whole.over()) return market.finish(whole);
  market.review(whole.id);
}

}  // namespace bourse::broker
