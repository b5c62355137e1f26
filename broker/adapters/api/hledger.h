// The ledger as an hledger journal: text that another program, written by others, adds up and checks.
//
// Two-line commodity directives, an `account` directive for each ledger account, one transaction for each linked set of
// posted transfers (micro-unit precision), and at the end an assertion of every account's balance. Holds are pending and
// move nothing that is posted, so they are not postings; what is held is a comment beside the assertion.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"
#include "ledger/domain/events.h"

namespace bourse::broker::api {

struct BookAccount {
  LedgerAccountId id;
  ledger::AccountCode code{};
  Unit unit = kCny;
  std::string owner;   // text id of the billing account or center; empty = the platform
  std::string name;    // theirs, for people
  Amount debits_posted, credits_posted, debits_pending, credits_pending;
};

struct BookTransfer {
  std::uint64_t position = 0;  // journal row
  std::uint32_t index = 0;     // in it
  LedgerAccountId debit, credit;
  Amount amount;
  ledger::TransferCode code{};
  std::string reference;       // text, may be empty
  Uuid group;                  // of linked transfers: the capture's usage record; nil = stands alone
  Instant at;
};

// "Liabilities:Wallet:acc_…", the same text for the same account, fit for hledger (no double blanks, no semicolons).
std::string account_path(const BookAccount& account);

// Call begin, then transfer for each in journal order, then end. Text goes to `write` in pieces. One thread.
class HledgerWriter {
 public:
  using Write = std::function<void(std::string_view)>;
  HledgerWriter(Write write, std::string market_name, Instant at) : write_(std::move(write)), market_(std::move(market_name)), at_(at) {}

  void begin(const std::vector<BookAccount>& accounts);
  void transfer(const BookTransfer& transfer);
  void end();

 private:
  void flush_group();

  Write write_;
  std::string market_;
  Instant at_;
  std::vector<BookAccount> accounts_;
  std::unordered_map<LedgerAccountId, std::size_t> by_id_;
  std::vector<BookTransfer> group_;
  std::string last_day_;
};

}  // namespace bourse::broker::api
