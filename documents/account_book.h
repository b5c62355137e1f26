// What moved a billing account's wallet, for its owner's own books: as a document, a journal and a FOCUS dataset.
#pragma once

#include <string>
#include <vector>

#include "documents/document.h"
#include "documents/focus.h"
#include "documents/journal.h"

namespace bourse::documents {

struct BookEntry {
  Instant at;
  std::string code;                        // "charge", "top_up", "correction", …
  std::string reference;                   // the bank's, a usage record's, …
  std::string job, text, project, user, center;  // of a charge or correction
  Amount moved;                            // above zero: into the wallet
  Amount balance;                          // after it
  std::string counter;                     // the other side's ledger account, where it is shown
};

struct AccountBook {
  std::string market, account, account_name, zone;
  Instant from, to;
  Unit unit = kCny;
  Amount opening, closing;
  std::vector<BookEntry> entries;  // in the order of booking
};

// Errors of all: integrity, when a balance isn't the one before plus what moved, or the last isn't `closing`.
Result<Document> document_of(const AccountBook& book, Language language);
// The wallet is the owner's asset, charges are expenses by center and project, what came in comes from equity.
Result<Journal> journal_of(const AccountBook& book);
// Charges and corrections; their sum is what the wallet was charged. Money that came in is no charge.
Result<FocusDataset> focus_of(const AccountBook& book);

}  // namespace bourse::documents
