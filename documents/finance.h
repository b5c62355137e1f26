// Documents of the market's own books, made from plain data: where that comes from is the caller's. Each is one unit's, as of
// one position of the journal. Errors of all: integrity, when the data doesn't add up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "documents/document.h"

namespace bourse::documents {

// What stands on each of these documents.
struct FinanceHead {
  std::string market;
  Unit unit = kCny;
  Instant from, to;            // the time it is about, end exclusive; a balance is as of `to`, and begins with `from`
  std::uint64_t position = 0;  // of the journal up to which it was made
};

// Every account with what it was debited and credited between `from` and `to`. Balances are debits less credits.
struct TrialBalanceAccount {
  std::string path;            // "Liabilities:Wallet", as `bourse ledger export` names it
  std::string owner;           // id; empty for the platform's own
  std::string name;            // of the owner, for people
  Amount opening;              // debit positive
  Amount debits, credits;      // >= 0
  Amount closing;              // opening + debits − credits
};
struct TrialBalance {
  FinanceHead head;
  std::vector<TrialBalanceAccount> accounts;
};
// Besides each account's: openings sum to zero, debits are the credits, so closings sum to zero.
Result<Document> document_of(const TrialBalance& balance, Language language);

// Money held for jobs that are not settled, oldest first, in classes of age at `head.to`: what stays long is looked after.
struct OpenHold {
  JobId job;
  std::string account;         // the billing account's id
  std::string account_name, center;
  std::string state;           // of the job: "running"
  Instant since;               // not after head.to
  Amount amount;               // > 0
};
struct AgedHolds {
  FinanceHead head;
  std::vector<OpenHold> holds;
  Amount held;                 // the ledger's holds; Σ of the amounts
};
Result<Document> document_of(const AgedHolds& holds, Language language);

// What was sold, kept and owed in tax, a row a settled period of a center.
struct RevenueRow {
  std::string center, center_name;
  std::string period;          // id
  std::uint32_t number = 0;
  Instant from, to;            // of the period
  Amount gross;                // sold, tax included
  Amount center_share, margin, tax;  // gross = center_share + margin + tax + escrow
  Amount escrow;               // frozen by disputes less released
};
struct RevenueAndTax {
  FinanceHead head;
  std::vector<RevenueRow> rows;
};
Result<Document> document_of(const RevenueAndTax& revenue, Language language);

// Paid beforehand and not earned yet: reservations of a center, or packages of 度.
struct DeferredRow {
  std::string center, center_name;  // empty: packages, which are good anywhere
  std::uint64_t count = 0;
  Amount paid, earned, deferred;    // deferred = paid − earned
  Instant until;                    // when the last of them ends
};
// What an open period of a center would be charged for its contract's fixed fee if it were closed at the report's time.
struct FeeRow {
  std::string center, center_name;
  std::string period;  // id
  std::uint32_t number = 0;
  Instant from;        // the period's beginning
  Amount amount, tax;  // tax is in it
};
// What is booked in periods that have no statement yet, what is paid and not earned, and what centers' fixed fees come to so far.
struct UnbilledAccrual {
  FinanceHead head;
  std::vector<RevenueRow> rows;
  std::vector<DeferredRow> deferred;
  std::vector<FeeRow> fees;
};
Result<Document> document_of(const UnbilledAccrual& accrual, Language language);

// The ledger's rounding accounts of one unit. What rounding leaves goes to centers, so they stand at zero; the document says
// whether they do.
struct RoundingAccount {
  std::string id;
  Amount debits, credits;  // posted
};
struct Rounding {
  FinanceHead head;
  std::vector<RoundingAccount> accounts;
};
Result<Document> document_of(const Rounding& rounding, Language language);

}  // namespace bourse::documents
