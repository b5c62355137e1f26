// The monthly bill of a billing account, made from plain data: where that comes from is the caller's.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "documents/document.h"

namespace bourse::documents {

struct BillLine {
  JobId job;
  std::string project, center;   // names
  Instant ended;
  std::int64_t core_ms = 0, gpu_ms = 0;
  Amount amount;                 // captured in this month, tax included; below zero for a reversal
};

struct BillTopUp {
  Instant at;
  std::string reference;         // the bank's
  Amount amount;
};

struct Bill {
  std::string market;
  BillingAccountId account;
  std::string account_name, tenant;
  Instant from, to;              // the month, end exclusive
  Unit unit = kCny;
  Amount opening;                // of the wallet
  std::vector<BillTopUp> top_ups;
  std::vector<BillLine> lines;
  Amount charges;                // Σ lines
  Amount closing;                // opening + Σ top_ups − charges
  std::uint64_t position = 0;    // of the journal up to which it was made
};

// Errors: integrity when `charges` or `closing` isn't what the lines say.
Result<Document> document_of(const Bill& bill, Language language);

}  // namespace bourse::documents
