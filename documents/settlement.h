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

// Whether captures, corrections and payouts explain the closing balance, with amounts whose sums fit into 64 bits (a verifier
// adds in more). What documents could not add up is refused. Errors: failed_precondition.
Status check_covered(const statement::Statement& statement);

// One row a capture, a correction, a payout; sums; every signed report by its hash. Captures of usage of an earlier period are
// marked.
Document document_of(const VerifiedStatement& verified, Language language);

// The market's bill for what the center delivered: the invoice is the period, its payable `totals.center` + what reservations earned
// for the center + the corrections' part of it − its fixed fee, which is Σ BilledCost.
//
// A row a capture (Usage): one "Capture" at the center's share (contracted) of what was sold before tax (list), so that quantity
// × price is exact; a Correction when its usage is of an earlier period. Consumed is what the capture added of its leading
// meter (cards, else cores, else nodes). When the attempt's record before is in an earlier statement, only its amounts are
// known: the reading is taken from them if no other reading rates to the same (one priced meter, at about a micro-unit a tick
// or more), else Consumed is null.
// A row a correction (Adjustment: money given back or frozen, not usage taken back, so without quantities and prices): a
// Correction when its charge is of an earlier period. List is what the sale before tax changes by.
// A row a fixed fee (Adjustment, below zero, without quantities and prices).
// In every row x_Gross = BilledCost + x_Margin + x_Tax + x_Escrow.
FocusDataset focus_of(const VerifiedStatement& verified);

// The market's books as far as this period moves them: opening, sales (wallets → center, margin, tax), corrections (between
// these and the escrow), fixed fees (center → platform, tax), payouts (center → in transit, and back). The account names are those of `bourse ledger export`;
// escrow is one account for all centers there, and holds this center's part here.
Journal journal_of(const VerifiedStatement& verified);

}  // namespace bourse::documents
