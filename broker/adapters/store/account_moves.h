// Which posted transfers touched which ledger account, gathered over several chunks: what market.account_moves is made of.
//
// A row of that table costs as much for one transfer as for a hundred, so it is written once for many chunks. Until then the
// transfers are found by their place behind projector_cursor.gathered, and what is here can be had from them again.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "broker/adapters/store/connection.h"

namespace bourse::broker::store {

// One thread at a time. Bounded by what one chunk adds after `due`.
class AccountMoves {
 public:
  struct Place {
    std::int64_t seq = 0;
    std::int32_t idx = 0;
    Instant at;
  };

  // Gathering is due after `transfers` of them, or 50,000 accounts, and sooner when each account has several.
  explicit AccountMoves(std::size_t transfers) : most_(transfers) {}

  // Places come in the journal's order.
  void add(Uuid debit, Uuid credit, const Place& place) {
    if (transfers_ == 0) first_seq_ = place.seq;
    accounts_[debit].push_back(place);
    accounts_[credit].push_back(place);
    ++transfers_;
  }
  bool due() const {
    if (transfers_ == 0) return false;
    return transfers_ >= most_ || accounts_.size() >= kMostAccounts ||
           (transfers_ >= most_ / 100 && transfers_ >= kWorthwhile * accounts_.size());
  }
  // Inside the chunk's transaction, whose last row is `upto`. `clear` after the commit. Errors: unavailable, also when somebody else
  // gathered what is here.
  Status write(Connection& connection, std::int64_t upto) const;
  // Also after a failure: then market.gather_moves() comes before the next chunk.
  void clear();

 private:
  static constexpr std::size_t kMostAccounts = 50'000;
  static constexpr std::size_t kWorthwhile = 10;  // transfers an account: then a row costs little beside them
  std::size_t most_;
  std::size_t transfers_ = 0;
  std::int64_t first_seq_ = 0;
  absl::flat_hash_map<Uuid, std::vector<Place>> accounts_;
};

}  // namespace bourse::broker::store
