// The monthly bill of a billing account, made from plain data: where that comes from is the caller's.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "documents/document.h"

namespace bourse::documents {

// Charges of one kind, project, user and center, tax included.
struct BillLine {
  std::string kind;                   // "on_demand", "package", …
  std::string project, user, center;  // names; may be empty
  std::string used_in;                // "2026-09": usage of an earlier month, told too late for its bill; empty = of this month
  std::uint64_t jobs = 0;
  std::int64_t core_ms = 0, gpu_ms = 0;
  Amount amount;
};

// Whatever else moved the wallet, one by one.
struct BillItem {
  Instant at;
  std::string kind;                   // "top_up", "correction", …
  std::string reference, reason;
  Amount amount;                      // above zero: into the wallet
};

struct Bill {
  std::string market;
  BillingAccountId account;
  std::string account_name, tenant;
  std::string month, zone;            // "2026-10", on the account's clock
  Instant from, to;                   // the month, end exclusive
  bool closed = true;                 // else it may still grow
  Unit unit = kCny;
  Amount opening;                     // of the wallet
  std::vector<BillLine> lines;
  std::vector<BillItem> items;
  Amount charges;                     // Σ lines
  Amount closing;                     // opening + Σ items − charges
  // Of a closed month: what was owed at its end, what of that is not paid, until when it is to be, and how that stands: "open" (the
  // month is not over), "nothing_due", "due", "overdue" or "paid".
  Amount amount_due, outstanding;
  Instant due;
  std::string due_state = "open";
};

// Errors: integrity when `charges`, `closing` or `amount_due` isn't what the lines say.
Result<Document> document_of(const Bill& bill, Language language);

// A job's receipt: what it was charged, line by line, and the evidence.
struct ReceiptLine {
  std::string attempt, meter, row, price;  // price: as printed, "0.36 a core-hour"
  std::int64_t quantity = 0;
  Amount amount;
};
struct Receipt {
  std::string market, job, name, account, center, state;
  Instant started, ended;
  Unit unit = kCny;
  Amount held, charged, released;
  std::string worth;                       // "3.33 CNY": what the packages that paid in 度 had cost; empty where money paid
  std::vector<ReceiptLine> lines;
  std::vector<Evidence> evidence;
};
// Errors: integrity when the lines don't sum to what was charged.
Result<Document> document_of(const Receipt& receipt, Language language);

}  // namespace bourse::documents
