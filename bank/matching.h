// Which of the payments we ordered (pain.001) the bank made, returned or changed, by its entries (camt.053). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/unit.h"
#include "bank/statement.h"

namespace bourse::bank {

// A payment of a file that was sent. A payout's id may stand in both texts.
struct OrderedPayment {
  std::string end_to_end_id;
  std::string remittance_id;  // part of its remittance text that names it; empty = match by EndToEndId only
  Amount amount;              // above zero
  Unit currency;
};

enum class PaymentFate : std::uint8_t {
  unmatched,       // nothing in these entries speaks of it: not yet booked
  matched,         // booked with its amount, once
  returned,        // its money came back; the reason is the bank's code
  amount_differs,  // booked or returned with another amount: for a person
  ambiguous,       // booked twice, or one entry may be one of several payments: for a person
};
std::string_view name(PaymentFate fate);

// A place in the entries: an entry's payment, or the entry itself where it tells of none.
struct EntryPlace {
  static constexpr std::size_t kWhole = static_cast<std::size_t>(-1);
  std::size_t entry = 0;
  std::size_t detail = kWhole;
  bool operator==(const EntryPlace&) const = default;
};

struct PaymentOutcome {
  PaymentFate fate = PaymentFate::unmatched;
  std::vector<EntryPlace> places;  // the entries that speak of it
  Amount booked;                   // Σ of the debits among them, above zero; 0 = none
  Amount returned;                 // Σ of the credits among them
  std::string reason;              // of a return, the bank's code (may be empty); else for a person, in words
};

struct Matching {
  std::vector<PaymentOutcome> payments;   // as the payments were given
  std::vector<EntryPlace> strange_debits; // booked debits that no payment explains: fees, or money that left unordered
};

// Only booked entries count. First by EndToEndId, which is ours and comes back unchanged, for debits and returns alike; a
// payment that none has is then looked for by its exact amount and currency together with its remittance id, among lines
// without an EndToEndId. Returned goes before matched: the debit and its return may stand in one file. Equal ids or
// amounts in another currency never match. Entries told twice (two statements that overlap) count once, by identity.
Matching match(std::span<const OrderedPayment> payments, std::span<const Entry> entries);

}  // namespace bourse::bank
