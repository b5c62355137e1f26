// What a finance office makes of a settlement statement: a document, a FOCUS dataset, a journal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/adapters/statement/statement.h"
#include "documents/document.h"
#include "documents/focus.h"
#include "documents/journal.h"

namespace bourse::documents {

// A statement that verified, and what names it.
struct VerifiedStatement {
  statement::Statement statement;
  Hash256 file_sha256, body_sha256;
  federation::PublicKey ack_key{};
};

// Reads a statement file of which statement::verify said that it is right: `verdict` is its answer for these bytes.
// Errors: verification_failed (the verdict isn't ok, or the body can't be read), those of check_covered.
Result<VerifiedStatement> open_verified(std::string_view file, const statement::Verification& verdict);

// Whether captures and payout explain the closing balance. A statement that moves money in another way would verify, and its
// documents would not add up: it is refused instead. Errors: failed_precondition.
Status check_covered(const statement::Statement& statement);

// One row a capture; sums; every signed report by its hash.
Document document_of(const VerifiedStatement& verified, Language language);

// The market's bill for what the center delivered: the invoice is the period, its payable `totals.center`, which is Σ BilledCost.
// A row a capture: one "Capture" at the center's share (contracted) of what was sold before tax (list), so that quantity ×
// price is exact. Consumed is what the capture added of its leading meter (cards, else cores, else nodes), null when the
// attempt's record before is in an earlier period's statement. No row is a Correction: a capture is usage of this period.
FocusDataset focus_of(const VerifiedStatement& verified);

// The market's books as far as this period moves them: opening, sales (wallets → center, margin, tax), payout. The account
// names are those of `bourse ledger export`.
Journal journal_of(const VerifiedStatement& verified);

}  // namespace bourse::documents
