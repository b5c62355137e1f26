// What happened to arrays of jobs. Part of events.h, whose rules hold here too.
#pragma once

#include <string>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/job.h"

namespace bourse::broker {

// An array was accepted; the HoldPlaced of all its elements precede, their JobSubmitted follow, in this row or in later ones.
struct ArraySubmitted {
  JobId array;
  BillingAccountId account;
  TenantId tenant;
  UserId user;
  QuoteId quote;
  JobSpec spec;
  Decision decision;
  Amount hold;   // of each element
  Amount worth;  // of each element, as JobSubmitted's
  Gate gate;     // how its conditions stood
  Instant at;
  Instant wait_until;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.array, self.account, self.tenant, self.user, self.quote, self.spec, self.decision, self.hold, self.worth, self.gate,
          self.at, self.wait_until);
  }
};

// These of its elements are to be cancelled, one after the other.
struct ArrayCancelRequested {
  JobId array;
  std::vector<IndexRange> indices;
  UserId by;  // nil = the platform
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.array, self.indices, self.by, self.reason, self.at); }
};

// The elements before that place were cancelled, if they were to be.
struct ArrayCancelMoved {
  JobId array;
  std::uint32_t next = 0;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.array, self.next); }
};

}  // namespace bourse::broker
