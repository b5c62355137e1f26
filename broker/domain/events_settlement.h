// What happened to payouts and corrected charges. Part of events.h, whose rules hold here too.
#pragma once

#include <string>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/lots.h"
#include "broker/domain/settlement.h"

namespace bourse::broker {

struct PayeeSet {
  CenterId center;
  Payee payee;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.payee, self.at); }
};

// Its Posted (center payable → payout in transit) precedes.
struct PayoutOrdered {
  Payout payout;
  PeriodId period;  // the open one, in which it is booked
  static constexpr void fields(auto& self, auto&& visit) { visit(self.payout, self.period); }
};

// Its Posted precedes: payout in transit → bank clearing when paid, back to center payable when returned.
struct PayoutSettled {
  PayoutId payout;
  PayoutState state{};
  PeriodId period;  // the open one, in which a return is booked
  Amount amount;
  std::vector<PeriodId> paid;  // which periods are paid by it; none when it was returned
  std::string bank_reference;
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.payout, self.state, self.period, self.amount, self.paid, self.bank_reference, self.reason, self.at);
  }
};

// A charge was corrected; its Posted precede. Booked in the open period, and names the one it corrects.
struct ChargeAdjusted {
  AdjustmentId adjustment;
  AdjustmentKind kind{};
  Charge charge;
  Amount base;    // what of the charge was neither given back nor disputed before; of a resolution its dispute's
  Amount amount;  // given back, disputed, or resolved: off the top of base
  AdjustmentParts parts;
  PeriodId period;
  DisputeId dispute;  // nil for a refund
  std::string reason;
  Instant at;
  std::vector<LotPart> lots;  // what of parts.user went back into lots
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.adjustment, self.kind, self.charge, self.base, self.amount, self.parts, self.period, self.dispute, self.reason,
          self.at, self.lots);
  }
};

// Its ChargeAdjusted precedes.
struct DisputeOpened {
  Dispute dispute;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.dispute); }
};

// Its ChargeAdjusted precedes.
struct DisputeResolved {
  DisputeId dispute;
  DisputeState state{};
  Amount to_user;
  std::string resolution;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.dispute, self.state, self.to_user, self.resolution, self.at);
  }
};

// The bytes were stored before.
struct DisputeEvidenceAdded {
  DisputeId dispute;
  DisputeEvidence evidence;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.dispute, self.evidence); }
};

}  // namespace bourse::broker
