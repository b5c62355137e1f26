// Acts that move or commit money by a person's word. Where the market asks for two people, one proposes an act and another
// approves it, and only then is it done. Proposals are journaled, so acts only grow, and new ones go to the end of Act.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/domain/center.h"
#include "broker/domain/lots.h"
#include "broker/domain/money_in.h"
#include "broker/domain/settlement.h"
#include "pricing/price_book.h"

namespace bourse::broker {

// Finance: money that came in by bank. `reference` names the bank's entry; the transfer's id is the command's.
struct FundAccount {
  BillingAccountId account;
  Amount amount;
  TransferId transfer;
  Uuid reference;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.account, self.amount, self.transfer, self.reference);
  }
};
struct SetContract {
  Contract contract;
  CenterId by;  // the center in whose name its settlement prices are set; nil = the platform sets the contract
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.contract, self.by); }
};
struct PublishPrices {
  std::vector<pricing::PriceRow> rows;
  std::vector<pricing::Discount> discounts;
  CenterId by;  // the center in whose name; nil = the platform
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.rows, self.discounts, self.by); }
};
// Where the center's payouts go from now on; those in transit are not touched.
struct SetPayee {
  CenterId center;
  Payee payee;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.payee); }
};
// Pays what the center is owed of its periods up to `through`, and nothing else: if `amount` or `payee` is no longer what
// the proposer saw, the act is refused.
struct OrderPayout {
  PayoutId payout;
  CenterId center;
  PeriodId through;
  Amount amount;
  Payee payee;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.payout, self.center, self.through, self.amount, self.payee);
  }
};
// Gives `amount` of a charge back to the wallet, out of every part in proportion.
struct Refund {
  AdjustmentId adjustment;
  Charge charge;
  Amount amount;
  std::string reason;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.adjustment, self.charge, self.amount, self.reason);
  }
};
// Ends a dispute: `to_user` of its amount goes back to the wallet (all = accepted, none = rejected), the rest stays charged.
struct ResolveDispute {
  AdjustmentId adjustment;
  DisputeId dispute;
  Amount to_user;
  std::string reason;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.adjustment, self.dispute, self.to_user, self.reason);
  }
};

// How far below zero the account's wallet may go: its jobs are billed afterwards. With `until` the account is whitelisted: it may
// go that far until then, and afterwards what held before holds again. Without, an earlier whitelisting ends.
struct SetCreditLimit {
  BillingAccountId account;
  Amount credit_limit;
  Instant until;  // 0 = for good
  std::string reason;  // of whitelisting
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.account, self.credit_limit, self.until, self.reason); }
};

// A gift of the platform to a wallet, until a day.
struct GrantLot {
  LotId lot;
  BillingAccountId account;
  Amount amount;
  Instant expires_at;
  std::string reason;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.lot, self.account, self.amount, self.expires_at, self.reason);
  }
};
// Makes codes valid. Whoever proposed it was shown them; the act has their hashes.
struct IssueVouchers {
  VoucherBatch batch;  // issued_at is not used
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.batch); }
};

struct PublishReservedPrices {
  std::vector<ReservedPrice> prices;
  CenterId by;  // the center in whose name; nil = the platform
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.prices, self.by); }
};

// Puts 度 on sale. A product never changes; the same one again changes nothing.
struct PublishProducts {
  std::vector<Product> products;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.products); }
};

// Finance: takes `amount` of wrong money in back, once. What a top-up was, the caller knows from the projections; the engine compares it
// with what it still remembers.
struct ReverseMoneyIn {
  Uuid what;  // the top-up's transfer, or the lot
  MoneyInKind kind{};
  BillingAccountId account;
  Amount amount;   // of a package in DU
  Amount whole;    // of a top-up: all of it
  Uuid reference;  // of a top-up: its business id
  std::string reason;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.what, self.kind, self.account, self.amount, self.whole, self.reference, self.reason);
  }
};

// A payment file that the bank refused whole. Its payouts, all of them still in transit, may be in another one afterwards.
struct WithdrawPaymentFile {
  Uuid file;
  std::string reason;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.file, self.reason); }
};

// Lets in who joined: these keys speak for the center from then on. Whoever says so has compared their fingerprints with the
// center's people. Ends its invitation.
struct EnrolCenter {
  CenterId center;
  std::string name;
  ConnectorId connector;
  PublicKey identity_key{};
  PublicKey billing_key{};
  Unit unit = kCny;  // what it is settled in, for good
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.name, self.connector, self.identity_key, self.billing_key, self.unit);
  }
};

using Act = std::variant<FundAccount, SetContract, PublishPrices, SetPayee, OrderPayout, Refund, ResolveDispute,
                         SetCreditLimit, GrantLot, IssueVouchers, PublishReservedPrices, PublishProducts,
                         ReverseMoneyIn, WithdrawPaymentFile, EnrolCenter>;
std::string_view name(const Act& act);  // "fund_account"
CenterId setter_of(const Act& act);      // the center in whose name prices are set; nil: the platform's, or no such act

// An act that waits for its second person.
struct Proposal {
  ProposalId id;
  UserId by;
  Act act;
  std::string note;  // why, for whoever approves
  Instant at;
  Instant expires_at;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.by, self.act, self.note, self.at, self.expires_at);
  }
};

// How a proposal ends: by a second person's word, by its proposer's, or by time.
enum class ProposalEnd : std::uint8_t { approved = 1, rejected = 2, withdrawn = 3, expired = 4 };
std::string_view name(ProposalEnd end);  // "approved"

}  // namespace bourse::broker
