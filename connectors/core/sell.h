// What the center sells of what its scheduler has: [sell] of connector.toml.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "connectors/core/driver.h"
#include "pricing/selling.h"

namespace bourse::connector {

// Overrides for one pool; what is absent stays as the driver says.
struct PoolTerms {
  std::int32_t speed_milli = 1000;   // of a core or card, 1000 = the reference
  std::string gpu_model;             // when the scheduler doesn't say which
  // Of its figures `nodes` and `max_walltime` also bound what the pool is said to have; the rest is told to the broker with it.
  pricing::SellingRule rule;
};

struct SellConfig {
  std::map<std::string, PoolTerms> pools;  // empty = everything is for sale; else only these
};

struct Offered {
  PoolInfo info;
  std::int32_t speed_milli = 1000;
  pricing::SellingRule rule;
};

// By pool name, at most kMaxPools; pools with figures that make no sense (no nodes, negative numbers) are left out.
std::map<std::string, Offered> offered(const std::vector<PoolInfo>& pools, const SellConfig& sell);

}  // namespace bourse::connector
