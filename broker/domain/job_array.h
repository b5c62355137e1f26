// An array of jobs as the market keeps it: what its elements share, how many of them there are in what state, and what is left
// to be done with them, which happens in steps (Decider::advance).
#pragma once

#include <absl/container/btree_set.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/job.h"

namespace bourse::broker {

struct JobArray {
  JobId id;  // no job's: its elements have ids of their own (element_id)
  BillingAccountId account;
  TenantId tenant;
  UserId user;
  QuoteId quote;
  JobSpec spec;  // each element's
  Decision decision;
  Amount hold;   // of each element: placed when the array was submitted, under derive_hold
  Amount worth;  // as JobSubmitted's, of each
  Instant submitted_at;
  Instant wait_until;  // elements that still wait then are cancelled
  Gate gate;           // of spec.after, for all elements

  std::uint32_t made = 0;      // elements that are jobs by now: the first so many
  std::uint32_t live = 0;      // dispatched and not over
  std::uint32_t started = 0;   // began, or are over
  std::uint32_t finished = 0;  // are over
  std::uint32_t succeeded = 0;
  // Being cancelled: these indices, by whom and why; elements before `cancel_next` were seen to.
  std::vector<IndexRange> cancelling;
  UserId cancelled_by;
  std::string cancel_reason;
  std::uint32_t cancel_next = 0;

  absl::btree_set<std::uint32_t> waiting;  // made and not dispatched: by place in the array. Derived

  std::uint32_t count() const { return static_cast<std::uint32_t>(count_of(spec.array.ranges)); }
  // Where an index stands in the order of its ranges.
  std::uint32_t place_of(std::uint32_t index) const {
    std::uint32_t before = 0;
    for (const IndexRange& range : spec.array.ranges) {
      if (range.contains(index)) return before + (index - range.first) / range.step;
      before += range.count();
    }
    return before;
  }
  std::uint32_t index_at(std::uint32_t place) const { return nth_index(spec.array.ranges, place); }
  bool over() const { return finished == count(); }
  bool may_start() const {
    return !waiting.empty() && (spec.array.at_once == 0 || live < spec.array.at_once) && gate.state(spec.after.any) == Met::met;
  }
  // Is there something to be done with its elements?
  bool has_work() const {
    if (made < count() || !cancelling.empty()) return true;
    return may_start() || (!waiting.empty() && gate.state(spec.after.any) == Met::never);
  }
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.tenant, self.user, self.quote, self.spec, self.decision, self.hold, self.worth,
          self.submitted_at, self.wait_until, self.gate, self.made, self.live, self.started, self.finished, self.succeeded,
          self.cancelling, self.cancelled_by, self.cancel_reason, self.cancel_next);
  }
};

}  // namespace bourse::broker
