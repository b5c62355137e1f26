// Credit lots: dated parts of a wallet. The wallet's balance contains them; what is neither in a lot nor lent is the owner's
// own money. All of a 度 wallet is in lots: packages that were paid before.
//
// Lots pay before own money, those that expire first before the others (then by id). What is left of an expired one is
// taken back as soon as no hold needs it; a correction gives back in the opposite order (docs/adr/0008).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::broker {

enum class LotKind : std::uint8_t {
  grant = 1,    // a gift of the platform
  voucher = 2,  // a code that a user redeemed
  package = 3,  // prepaid 度
};
std::string_view name(LotKind kind);  // "grant"

struct Lot {
  LotId id;
  BillingAccountId account;
  LotKind kind{};
  Amount amount;  // > 0; as issued
  Amount left;    // 0 <= left <= amount
  Instant issued_at;
  Instant expires_at;  // exclusive: from then on no new hold counts on it
  Uuid reference;      // of a voucher: its batch. Else nil
  std::string reason;  // for a person
  std::uint32_t taken_back = 0;  // how often something was taken back from it: numbers those transfers
  Unit unit = kCny;    // of amount and left
  // Of a package: what it cost, in the account's money, and what of that is still deferred, since its 度 is not used.
  Amount price, price_left;
  UserId buyer;  // nil = finance
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.kind, self.amount, self.left, self.issued_at, self.expires_at, self.reference,
          self.reason, self.taken_back, self.unit, self.price, self.price_left, self.buyer);
  }
};

// What of a charge a lot paid, or of a correction it got back.
struct LotPart {
  LotId lot;
  Amount amount;  // > 0, in the lot's unit
  Amount money;   // of a package: what of its price that is; may be 0
  bool operator==(const LotPart&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.lot, self.amount, self.money); }
};
Amount sum_of(const std::vector<LotPart>& parts);
Amount money_of(const std::vector<LotPart>& parts);

// What of a package's price `amount` more of its 度 comes to, after what was used or taken back before: the price ·
// (used + amount) / 度, rounded half away from zero, less what moved before. The last 度 brings all that is left of the price.
// 0 <= amount <= lot.left.
Amount money_for(const Lot& lot, Amount amount);

// Who gets what of `amount` that is given back of a charge, after `before` of it was. `paid` in the order of consumption, own
// money of `gross` being the last: given back from the end. 0 <= before, 0 <= amount, before + amount <= gross. What a charge
// gives back in pieces, in whatever sizes, comes to what each lot paid. The result is in the order of consumption too.
std::vector<LotPart> unwound(const std::vector<LotPart>& paid, Amount gross, Amount before, Amount amount);

// The same of a charge that packages paid, where before and amount are money, as is what is unwound: the 度 follow in
// proportion, cut off cumulatively, so that all the money of a part brings back all of its 度.
std::vector<LotPart> unwound_packages(const std::vector<LotPart>& paid, Amount before, Amount amount);

// 度 on sale: so many for a price, to be used within a time.
struct Product {
  ProductId id;
  std::string name;
  Amount du;           // > 0
  Amount price;        // > 0, in `currency`; includes tax
  Unit currency = kCny;
  Duration valid_for;  // from buying
  Instant until;       // sold before this; 0 = for ever
  bool operator==(const Product&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.name, self.du, self.price, self.currency, self.valid_for, self.until);
  }
};

// Codes that each become a lot for the first account that redeems one. Only their SHA-256 is known here.
struct VoucherBatch {
  VoucherBatchId id;
  Unit unit = kCny;
  Amount amount;       // of each
  Instant redeem_by;   // exclusive
  Duration valid_for;  // the lot expires so long after it was redeemed; 0: at
  Instant expires_at;  // this instant
  std::vector<Hash256> codes;
  std::string reason;
  Instant issued_at;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.unit, self.amount, self.redeem_by, self.valid_for, self.expires_at, self.codes, self.reason,
          self.issued_at);
  }
};

inline constexpr std::size_t kMaxLots = 1'000;               // of one wallet, with money in them
inline constexpr std::size_t kMaxProducts = 1'000;           // ever
inline constexpr std::size_t kMaxVouchers = 1'000;           // of one batch
inline constexpr std::size_t kMaxOpenVouchers = 1'000'000;   // neither redeemed nor past their time

}  // namespace bourse::broker
