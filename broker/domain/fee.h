// What a contract's fixed fee comes to (docs/adr/0016). A month costs it, a day its part of its month, in a straight line, so that
// periods may be cut anywhere: what they are charged adds up to the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/zone.h"
#include "broker/domain/center.h"

namespace bourse::broker {

// Of a contract. A period of 700 years still comes to less than 64 bits.
inline constexpr Amount kMaxMonthlyFee = Amount::whole(1'000'000'000);

// The newest day (since 1970) that has begun by that time. Unlike the clock's it never falls, where the clock is set back over midnight.
std::int64_t day_begun(const Zone& zone, Instant at);
// F: fee · (months since year 0) + fee · (days of the month before this one) / (its days), rounded once, halves up. 0 <= monthly_fee;
// any day of the years 0 to 9999 stays within 128 bits.
__int128 fee_before(Amount monthly_fee, std::int64_t day);
// What [from, until) costs: a day counts when it ends in it. Errors: invalid_argument (no such zone).
Result<__int128> fee_between(Amount monthly_fee, std::string_view zone, Instant from, Instant until);

// Whether this machine knows the calendars of all that have a fee: it may have another time zone database than the one where they were set.
// Errors: failed_precondition, naming the zone.
Status check_fee_zones(const std::vector<Contract>& contracts);

// What a period was charged for the time in which one contract held.
struct ChargedFee {
  ContractId contract;
  Amount monthly_fee;
  std::int32_t tax_bps = 0;
  std::string zone;     // as the contract's; empty = UTC
  Instant from, until;  // within the period
  Amount amount;        // > 0, tax included
  Amount tax;           // of it
  bool operator==(const ChargedFee&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.contract, self.monthly_fee, self.tax_bps, self.zone, self.from, self.until, self.amount, self.tax);
  }
};

// What [from, until) costs by `contracts` (one center's, by valid_from), one item for each that held in it and costs anything.
// `charged_until`: the day (since 1970) before which all are charged already; where contracts have several zones a day could else
// end twice. After check_fee_zones.
std::vector<ChargedFee> fees_of(const std::vector<Contract>& contracts, Instant from, Instant until, std::int64_t charged_until);

// The open period was charged what its contracts' fees come to; its Posted (center payable → platform revenue, tax payable) precede,
// its PeriodClosing follows.
struct FeesCharged {
  PeriodId period;
  CenterId center;
  std::vector<ChargedFee> fees;
  std::int64_t charged_until = 0;  // the day (since 1970) before which all are charged now
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.period, self.center, self.fees, self.charged_until, self.at);
  }
};

}  // namespace bourse::broker
