// The months of a billing account, and what its wallet moved in each.
#pragma once

#include <string>
#include <vector>

#include "broker/adapters/api/books.h"
#include "broker/domain/invoice.h"

namespace bourse::broker::api {

struct BilledAccount {
  BillingAccountId id;
  LedgerAccountId wallet;
  std::string name, zone;
  Unit unit = kCny;
};

struct BilledMonth {
  std::int32_t month = 0;  // since year 0
  Span span;               // by the account's clock
  bool closed = false;     // nothing is booked in it any more, so its bill never changes
  Amount opening, money_in, charges, corrections, other;  // charges are taken off, the others added
  Amount closing() const { return opening + money_in - charges + corrections + other; }
  Amount billed() const { return charges - corrections; }  // no more than all of it may be on tax invoices
};

// From the month in which it was opened to the running one. Errors: unavailable (not projected yet), too_large.
Result<std::vector<BilledMonth>> billed_months(pqxx::transaction_base& work, const BilledAccount& account, Instant now);
// What was earned of the account in those that are closed, by item and tax rate, in order: what invoices' lines are made of.
std::vector<EarnedMonth> earned_months(pqxx::transaction_base& work, BillingAccountId account, const std::vector<BilledMonth>& months);

}  // namespace bourse::broker::api
