// Who an entry is: so that the same entry in two statements (an overlap, a repeat, a corrected file) is booked once.
//
// An entry's identity is SHA-256 over these texts, each preceded by its length in bytes and a colon:
//   "bourse bank entry 1" · account (IBAN or other number) · currency · reference · day · amount · index
// reference  "A" + AcctSvcrRef where the bank gives one, else "N" + NtryRef unless that is a running number (up to six
//            digits: the next statement gives it to another entry), else "C" + SHA-256 of what else is known
//            (transaction code, text, and of each payment its ids, names, accounts and remittance)
// day        the booking date, else the value date, else empty
// amount     signed, as base/amount.h writes it
// index      0; 1, 2… for further entries of the same statement and status that are equal in all of the above
//
// A bank's reference alone isn't enough: banks book a payment and its fee under one. The status is left out, so a pending
// entry keeps its identity when it is booked, unless the bank changes the day. The index is the weak place: of two
// entries without references that are equal in everything, a statement that begins between them knows only one, as
// index 0. `check` tells of entries with a reference that are equal in all else.
//
// A payment of an entry: "bourse bank detail 1" · the entry's identity (hexadecimal) · its ids, amount, names, accounts
// and remittance · index among its equals.
#pragma once

#include <string>

#include "base/hash.h"
#include "bank/statement.h"

namespace bourse::bank {

// Fills `identity` of all entries and payments. Pure: equal statements give equal identities.
void identify(BankStatement& statement);
// The identity with index 0: equal for entries that only the index tells apart.
Hash256 identity_without_index(const BankStatement& statement, const Entry& entry);

}  // namespace bourse::bank
