// The ids that the child uses and the test looks for.
#pragma once

#include <vector>

#include "bench/stub_market.h"

namespace bourse::test {

inline TransferId transfer_id(std::uint64_t seed, std::uint64_t n) {
  return {bench::StubMarket::derived(seed, 101, n)};
}

// Twelve accounts that transfers go between, without limits.
inline std::vector<ledger::AccountOpened> raw_accounts(std::uint64_t seed) {
  std::vector<ledger::AccountOpened> accounts;
  for (std::uint64_t i = 0; i < 12; ++i)
    accounts.push_back({.account = {bench::StubMarket::derived(seed, 102, i)},
                        .unit = kCny,
                        .code = i < 7 ? ledger::AccountCode::bank_clearing : ledger::AccountCode::deferred_revenue});
  return accounts;
}

}  // namespace bourse::test
