// What banks told and what became of it: schema `bank` (store/sql/103_bank.sql), written here and nowhere else. Money moves in
// the engine; a row's state only follows, and is made right by importing again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"
#include "broker/adapters/api/database.h"

namespace bourse::broker::api {

enum class BankEntryState : std::uint8_t { open = 1, proposed = 2, booked = 3, paid = 4, returned = 5 };
std::string_view name(BankEntryState state);

struct StoredBankEntry {
  Hash256 identity, entry;
  Amount amount;  // above zero came in
  Unit unit = kCny;
  std::string booked_on, value_on, bank_reference, end_to_end_id, other_name, other_account, remittance;
  Instant imported_at;
  BankEntryState state = BankEntryState::open;
  std::string reason;
  BillingAccountId account;
  PayoutId payout;
  ProposalId proposal;
  bool fresh = false;  // first told by the file that is being imported

  // Nobody and nothing has decided about it: just kept, or the program ended right behind that.
  bool untouched() const { return state == BankEntryState::open && reason.empty(); }
};

// Safe from any thread. Errors of all: those of Database.
class BankEntries {
 public:
  explicit BankEntries(const std::string& writer_conninfo);

  // Keeps the file, and of `entries` those not known yet; all come back as they are kept, in their order. A new payment of
  // an entry that an earlier file told in another shape is left to a person: it may be the same money.
  Result<std::vector<StoredBankEntry>> keep(const Hash256& file, const std::string& file_name, UserId by, Instant now,
                                            std::vector<StoredBankEntry> entries);
  // State, reason, account, payout and proposal of the row become the entry's, if it is still in the state `from`: false
  // when somebody was faster.
  Result<bool> change(const StoredBankEntry& entry, BankEntryState from);
  Result<std::optional<StoredBankEntry>> find(const Hash256& identity);
  // By identity, after `after`.
  Result<std::vector<StoredBankEntry>> list(std::optional<BankEntryState> state, std::optional<Hash256> after, int limit);

 private:
  Database database_;
};

}  // namespace bourse::broker::api
