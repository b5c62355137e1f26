// Centers as the engine knows them: who they are, what they are owed, what they reported last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/completeness.h"
#include "broker/domain/membership.h"
#include "broker/domain/reservation.h"
#include "broker/domain/selling.h"
#include "broker/domain/settlement.h"
#include "pricing/rating.h"

namespace bourse::broker {

// A revoked center never comes back; what it is owed stays owed.
enum class CenterState : std::uint8_t { active = 1, paused = 2, quarantined = 3, revoked = 4 };
std::string_view name(CenterState state);  // "active"
// Its connector is not let in.
constexpr bool barred(CenterState state) { return state == CenterState::quarantined || state == CenterState::revoked; }

// Who may set a kind of price of a center.
enum class PriceSetter : std::uint8_t { platform = 0, center = 1, either = 2 };
std::string_view name(PriceSetter setter);  // "platform"

// Settlement terms, dated; the newest one valid at acceptance is locked with the plan.
struct Contract {
  ContractId id;
  CenterId center;
  Unit unit = kCny;
  pricing::Terms terms;
  Instant valid_from;
  Duration cycle;  // a period is closed this long after it opened; 0 = by the schedule, or only by hand
  std::string schedule;  // or when the schedule (broker/domain/schedule.h) next falls due after it opened; empty = none
  std::string zone;      // of the schedule and the monthly fee: IANA name; empty = UTC
  std::int32_t net_days = 0;  // a payout is due so many days after the cut-off
  // What the center gets for usage, by rows of its own (in `unit`; scope: any pool or QoS, this center or none named), found
  // as prices are and locked with the plan; terms.margin_bps is then not used. Empty = the rest of the sale by `terms`.
  std::vector<pricing::PriceRow> settlement;
  // Whether the platform pays where settlement comes to more than the sale's net price; else such pools aren't sold.
  bool may_subsidise = false;
  std::vector<Reservable> reservable;  // what may be reserved, one a pool and kind
  PriceSetter sale_prices{};        // who sets what users pay here: price rows, discounts and reserved prices of this center
  PriceSetter settlement_prices{};  // who sets `settlement`: the center does by a next contract that differs in nothing else
  // It is the one before with settlement prices that the center set. Where the platform sets terms for an earlier day, it follows them.
  bool by_center = false;
  Amount monthly_fee;          // what the center pays the platform a month, tax included (broker/domain/fee.h); 0 = nothing
  std::int32_t fee_tax_bps = 0;  // in it
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.center, self.unit, self.terms, self.valid_from, self.cycle, self.schedule, self.zone,
          self.net_days, self.settlement, self.may_subsidise, self.reservable, self.sale_prices, self.settlement_prices, self.by_center,
          self.monthly_fee, self.fee_tax_bps);
  }
};

// The one that holds at `at`; null before the first. `contracts` by valid_from.
const Contract* contract_at(const std::vector<Contract>& contracts, Instant at);

enum class PeriodState : std::uint8_t { open = 1, closing = 2, closed = 3, paid = 4 };
std::string_view name(PeriodState state);  // "closing"

// A center's settlement window. While open it collects; once closing its sums can't change.
struct Period {
  PeriodId id;
  CenterId center;
  Unit unit = kCny;
  std::uint32_t number = 0;  // from 1, without gaps
  PeriodState state = PeriodState::open;
  Instant opened_at;
  Instant cut_off;  // exclusive; set by closing
  std::uint64_t captures = 0;
  Amount gross, center_share, margin, tax;  // Σ of its captures; gross = center_share + margin + tax
  Hash256 statement;                        // set by sealing
  Amount opening;                           // owed to the center when it was opened
  std::uint64_t adjustments = 0;
  AdjustmentParts adjusted;  // Σ of its adjustments
  Amount paid_out;           // Σ of payouts ordered in it, less those that came back in it
  Completeness completeness{};  // set by closing, with what follows
  std::string incomplete_reason;
  std::vector<ClosedDay> days;
  std::uint64_t accruals = 0;
  Earned accrued;            // Σ of what reservations earned in it
  std::uint64_t fees = 0;    // charged by closing it
  Amount fee, fee_tax;       // Σ of them, and of the tax in them

  // Owed at its end; while it is open, now.
  Amount closing() const { return opening + center_share + accrued.center_share + adjusted.center_share - fee - paid_out; }
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.center, self.unit, self.number, self.state, self.opened_at, self.cut_off, self.captures,
          self.gross, self.center_share, self.margin, self.tax, self.statement, self.opening, self.adjustments,
          self.adjusted, self.paid_out, self.completeness, self.incomplete_reason, self.days,
          self.accruals, self.accrued, self.fees, self.fee, self.fee_tax);
  }
};

// Of a connector's chain when its center is enrolled. It rises only by a signed join state.
inline constexpr std::uint64_t kFirstEpoch = 1;

// The receiving end of a connector's chain of reports.
struct ReportChain {
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;  // newest accepted; 0 = none
  Hash256 hash;           // of the newest accepted report's payload
  // The newest kRecentReports accepted, to tell a repeat from an equivocation. Older repeats are acknowledged by `seq`.
  std::vector<Hash256> recent;
  static constexpr std::size_t kRecentReports = 256;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.epoch, self.seq, self.hash, self.recent); }
};

struct Center {
  CenterId id;
  std::string name;  // slug: [a-z0-9-], unique
  CenterState state = CenterState::active;
  ConnectorId connector;
  PublicKey identity_key{};         // K_id
  PublicKey billing_key{};          // K_bill
  std::vector<Contract> contracts;  // by valid_from
  PeriodId open_period;
  std::uint32_t periods = 0;
  ReportChain chain;
  Payee payee;  // empty until one was set
  std::int64_t fees_charged_until = 0;  // the day (since 1970) before which all days' fees are charged
  Certification certification;
  std::vector<PoolRule> selling;  // by pool
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.name, self.state, self.connector, self.identity_key, self.billing_key, self.contracts,
          self.open_period, self.periods, self.chain, self.payee,
          self.fees_charged_until, self.certification, self.selling);
  }
};

}  // namespace bourse::broker
