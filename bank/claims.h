// Whose top-up a credit is: by a code that the payer put into the remittance text. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "bank/matching.h"
#include "bank/statement.h"

namespace bourse::bank {

// A code and whose it is. One account may have several: its id "acc_…" and its short code, say.
struct ClaimCode {
  std::string code;  // at least 6 letters and digits; other characters in it don't count
  BillingAccountId account;
};

// A short code for people to type: "BC-" and ten characters of Crockford's base 32 in two groups, from SHA-256 over
// "bourse claim 1:" and the account's id. 50 bits: whoever hands codes out refuses one that is taken already, and `claims`
// refuses a list that has one twice.
std::string claim_code(BillingAccountId account);

// One booked credit: an entry's payment, or the entry itself where it tells of none.
struct Claim {
  EntryPlace place;
  Hash256 identity;  // of the payment or the entry: book each once
  Amount amount;     // above zero, in the entry's currency; 0 where the bank doesn't say it
  BillingAccountId account;  // nil = for a person to decide
  std::string reason;        // why nil
};

// All booked credits in order, each once by identity. A code is found in either case, as full-width characters, with
// spaces, line breaks or signs between its characters, and inside other text; codes of less than 12 letters and digits
// only where no letter or digit stands beside them, since a short code may occur in a longer number by chance. A code
// inside a longer found one doesn't count. For a person: no code, codes of several accounts, a return or reversal (not a
// top-up, whatever it quotes), a batch whose payments don't sum to the entry. Errors: invalid_argument (a code is too
// short, or of two accounts).
Result<std::vector<Claim>> claims(std::span<const Entry> entries, std::span<const ClaimCode> codes);

}  // namespace bourse::bank
