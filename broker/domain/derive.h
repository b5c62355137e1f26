// Ids that follow from what they are for, so that a decision needs no random number and every replica names them alike.
#pragma once

#include <cstdint>

#include "base/id.h"
#include "base/unit.h"
#include "ledger/domain/events.h"

namespace bourse::broker {

// UUIDv8 from code, unit and owner.
LedgerAccountId derive_account(ledger::AccountCode code, Unit unit, Uuid owner);
// UUIDv7 of `at` whose other bits follow from the job and fence, or the center and number.
AttemptId derive_attempt(JobId job, std::uint32_t fence, Instant at);
PeriodId derive_period(CenterId center, std::uint32_t number, Instant at);
// Of the n-th version of a contract that goes on by the terms of another.
ContractId derive_contract(ContractId terms, std::uint32_t n, Instant at);
// Of the reservation that goes on from another.
ReservationId derive_renewal(ReservationId before, Instant at);
// Of what prices a job that a reservation carries.
PriceRowId derive_free_row(ReservationId reservation, std::uint32_t meter);
// Of the money that an array's element has held.
HoldId derive_hold(JobId element);
// UUIDv8 of the n-th transfer that follows from `cause`: a payout, an adjustment.
TransferId derive_transfer(Uuid cause, std::uint32_t n);

}  // namespace bourse::broker
