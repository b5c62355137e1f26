// What centers don't sell now, whoever asks: their rules, and what the market's jobs hold of their pools already. Internal to routing.
//
// Few pools have rules, so they are looked at one by one after the passes over all.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/domain/job.h"
#include "broker/domain/routing/pool_table.h"
#include "broker/domain/selling.h"
#include "pricing/selling.h"

namespace bourse::broker::routing {

class SaleRules {
 public:
  struct Ruled {
    std::uint32_t pool = 0;  // index into the table
    struct Rule {
      const pricing::SellingRule* rule = nullptr;
      pricing::Opening opening{};  // as it was looked up last
    };
    std::vector<Rule> rules;
    pricing::Allocation held;
  };

  // Replaces the market's own rules of a center.
  void set(CenterId center, const std::vector<PoolRule>& rules);
  // An attempt that may run was ordered there, or is over.
  void take(CenterId center, std::string_view pool, const pricing::Allocation& allocation);
  void give_back(CenterId center, std::string_view pool, const pricing::Allocation& allocation);

  // Lays out the pools that have rules, if pools or rules changed since. `pools` stays the same object and outlives the answer.
  std::vector<Ruled>& ruled(const PoolTable& pools);
  // One of them; null where the pool has no rules. `pools` is settled.
  Ruled* find(const PoolTable& pools, CenterId center, const std::string& pool);
  // Bumps whenever rules change.
  std::uint64_t version() const { return version_; }
  // What the market's jobs hold of a pool.
  pricing::Allocation held(CenterId center, std::string_view pool) const;

 private:
  std::map<CenterId, std::vector<PoolRule>> of_;
  std::map<CenterId, std::map<std::string, pricing::Allocation, std::less<>>> held_;
  std::vector<Ruled> ruled_;
  std::map<std::pair<CenterId, std::string>, std::uint32_t> place_;  // of a ruled pool in `ruled_`
  std::uint64_t version_ = 1, laid_version_ = 0, laid_shape_ = 0;
};

// Why one more job isn't sold there now, floors aside: walltime, paused, closed, sold_out; none = it is.
Refusal refusal_of(SaleRules::Ruled& ruled, const pricing::Allocation& asked, Duration walltime, Duration wait, Instant now);

// The first of its rules' ends for what begins now; unix_ms 0 = none of them ends.
Instant closes_at(SaleRules::Ruled& ruled, Instant now);

}  // namespace bourse::broker::routing
