// A small double-entry journal, written for hledger or for beancount, so that another program adds it up again.
//
// Both formats: six decimals always, every account declared, and at the end an assertion of each account's balance, which
// is exact. Debits are positive. Names are cleaned for each format, so no name can end a line, a string or an account.
//   hledger 1.25   https://hledger.org/1.25/hledger.html: `commodity` with `format` on its own line, `account` directives,
//                  assertions with `=`; fit for `hledger check --strict`
//   beancount 2.3  https://beancount.github.io/docs/beancount_language_syntax.html: `open` before use, account parts begin
//                  with a capital, `balance … ~ 0` (its default tolerance would hide micro-units) on the day after the last
//                  entry, because a balance is checked at the start of its day
#pragma once

#include <string>
#include <vector>

#include "base/amount.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::documents {

enum class AccountType : std::uint8_t { assets, liabilities, equity, income, expenses };

struct JournalAccount {
  AccountType type = AccountType::assets;
  std::vector<std::string> path;  // below the type: {"Center payable", "ctr_…"}
  std::string name;               // theirs, for people; may be empty
  Amount closing;                 // asserted
};

struct JournalPosting {
  std::size_t account = 0;  // of Journal::accounts
  Amount amount;            // debit positive
};

struct JournalEntry {
  Instant at;
  std::string title, reference;
  std::vector<JournalPosting> postings;  // their sum is zero
};

struct Journal {
  std::string title;
  Unit unit = kCny;
  Instant from, to;
  std::vector<JournalAccount> accounts;
  // In the order of booking. A clock that stepped back does not put an entry before the one it follows: dates never fall.
  std::vector<JournalEntry> entries;
};

std::string write_hledger(const Journal& journal);
std::string write_beancount(const Journal& journal);

}  // namespace bourse::documents
