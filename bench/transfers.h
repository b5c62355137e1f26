// Transfers between ten thousand limited accounts: what the ledger's benches post.
#pragma once

#include <cstdint>

#include "base/rng.h"
#include "broker/app/engine.h"

namespace bourse::bench {

inline constexpr std::size_t kAccounts = 10'000;
inline constexpr std::size_t kPerCommand = 100;  // transfers in one PostTransfers

// Makes transfers between random accounts; ids are UUIDv7s in rising order.
class TransferSource {
 public:
  explicit TransferSource(std::uint64_t seed) : rng_(seed) {}
  broker::PostTransfers next(Instant now);

 private:
  SeededRng rng_;
  std::uint64_t serial_ = 0;
};

Status open_accounts(broker::Engine& engine, const Clock& clock);

}  // namespace bourse::bench
