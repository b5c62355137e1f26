// Money in that was wrong and was taken back: a top-up, a gift, a package. Once, by transfers of their own that carry the same
// business id; what was taken is remembered for ever (docs/adr/0015).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::broker {

enum class MoneyInKind : std::uint8_t {
  top_up = 1,   // of its transfer; bank clearing gets it back
  grant = 2,    // of its lot, as the others; it is no longer given
  voucher = 3,
  package = 4,  // its 度 are no longer sold, and its price goes back to the wallet
};
std::string_view name(MoneyInKind kind);  // "top_up"

struct MoneyInReversal {
  Uuid what;  // the top-up's transfer, or the lot
  MoneyInKind kind{};
  BillingAccountId account;
  Amount amount;   // > 0; of a package in DU
  Unit unit = kCny;
  Amount money;    // of a package: what goes back to the wallet; may be 0
  Uuid reference;  // the business id of what is reversed: of a top-up the bank's entry, else the lot
  std::string reason;
  Instant at;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.what, self.kind, self.account, self.amount, self.unit, self.money, self.reference, self.reason, self.at);
  }
};

// Its Posted precede.
struct MoneyInReversed {
  MoneyInReversal reversal;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.reversal); }
};

}  // namespace bourse::broker
