// Limits inside a billing account: who may spend how much of a shared wallet, and whether anybody may.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"

namespace bourse::broker {

// What becomes of a running job when its hold is used up and can't be renewed.
enum class WhenEmpty : std::uint8_t {
  stop = 0,
  pause = 1,  // suspended until there is money again, for the account's pause limit at most, then stopped
};
std::string_view name(WhenEmpty policy);  // "stop"

// How far below zero a wallet may go. What holds at the moment is its ledger account's credit_limit: where that is more than is
// wanted, the rule is `falling`: the limit follows the wallet up, and no new job fits until it is there.
struct CreditRule {
  Amount ordinary;
  Amount exempt;       // while whitelisted
  Instant until;       // of whitelisting; 0 = not whitelisted
  std::string reason;  // of it
  bool falling = false;
  bool operator==(const CreditRule&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.ordinary, self.exempt, self.until, self.reason, self.falling);
  }
};

// What a member may commit, in the account's unit; nothing = no limit of that kind. Money counts when it is held, and what
// is released no longer counts. Days and months are those of the account's zone.
struct MemberLimits {
  std::optional<Amount> total, per_day, per_month, per_job;
  bool operator==(const MemberLimits&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.total, self.per_day, self.per_month, self.per_job);
  }
};

// What a member has spent, and is holding for jobs that are not over.
struct MemberSpending {
  BillingAccountId account;
  UserId user;
  MemberLimits limits;
  Amount held;
  Amount total;         // captured, ever; refunds don't lower it
  std::int64_t day = 0;  // the day that `of_day` is of; days since 1970 on the account's calendar
  Amount of_day;
  std::int32_t month = 0;  // months since year 0
  Amount of_month;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.account, self.user, self.limits, self.held, self.total, self.day, self.of_day, self.month, self.of_month);
  }

  void spend(Amount captured, std::int64_t on_day, std::int32_t in_month);
  // Why a further hold of `amount` would be too much at that time, for a person; nothing when it is not. `of_job`: what the
  // same job holds and has spent already.
  std::optional<std::string> refuses(Amount amount, Amount of_job, std::int64_t on_day, std::int32_t in_month) const;
};

}  // namespace bourse::broker
