// What the projections must say: gathered while the journal is replayed, from the market's own state after each event.
//
// The market forgets jobs and holds that ended long ago, the projections don't; so what they came to is kept here.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <utility>

#include "broker/domain/market.h"

namespace bourse::broker::store {

struct ExpectedHold {
  Amount amount, captured, released;
  bool ended = false;
};

struct ExpectedJob {
  JobState state{};
  Amount held, charged;
  std::int32_t attempts = 0;
  CenterId center;
};

struct Expectation {
  struct Sum {
    std::int64_t count = 0;
    __int128 micros = 0;
    bool operator==(const Sum&) const = default;
  };

  std::map<std::pair<bool, std::int16_t>, Sum> transfers;  // by (pending, code)
  absl::flat_hash_map<Uuid, ExpectedHold> holds;
  absl::flat_hash_map<Uuid, ExpectedJob> jobs;
  absl::flat_hash_map<Uuid, std::int32_t> arrays;  // how many elements
  std::vector<PeriodId> periods;
  std::int64_t attempts = 0, attempt_events = 0, captures = 0, lines = 0, reports = 0, quarantined = 0, refusals = 0,
               quotes = 0, billing_accounts = 0, centers = 0, proposals = 0, proposal_ends = 0, payees = 0, payouts = 0,
               payout_settlements = 0, adjustments = 0, disputes = 0, dispute_resolutions = 0, dispute_evidence = 0,
               invoices = 0, invoice_moves = 0, exported_payouts = 0, voucher_batches = 0, voucher_redemptions = 0,
               reservations = 0, reservation_ends = 0, member_changes = 0, reversals = 0, withdrawn_files = 0, fees = 0;

  // After `market.apply(event)`.
  void observe(const Market& market, const Event& event);
};

}  // namespace bourse::broker::store
