// What centers sell of their pools by the market's book: rules that their own people, or operators, set here. Their connectors may have
// further ones (routing::Pool::rule); then what both allow is sold.
#pragma once

#include <string>

#include "base/id.h"
#include "base/time.h"
#include "pricing/selling.h"

namespace bourse::broker {

inline constexpr std::size_t kMaxSellingRules = 1'000;  // a center

struct PoolRule {
  std::string pool;  // empty = every pool of the center, each by itself; a pool's own rule stands beside it
  pricing::SellingRule rule;
  UserId by;
  Instant at;
  bool operator==(const PoolRule&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.pool, self.rule, self.by, self.at); }
};

// The rule replaces the pool's former one; one that forbids nothing takes it away.
struct SellingRuleSet {
  CenterId center;
  PoolRule rule;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.rule); }
};

}  // namespace bourse::broker
