// Routing: filter → predict → price → score → choose → explain. Pure; one thread.
//
// All scores are integers. Pools are kept as arrays by field so that filtering thousands of them is a few linear passes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "broker/domain/job.h"
#include "broker/domain/routing/pool.h"
#include "broker/domain/selling.h"
#include "pricing/price_book.h"

namespace bourse::broker::routing {

// The settlement terms of a center at an instant; nullopt = it has no contract and can't sell.
struct TermsAt {
  ContractId contract;
  pricing::Terms terms;
  Unit unit = kCny;
  // What the center gets, by rows of its own; null or empty = its share by `terms`. Must live until prices_changed().
  const std::vector<pricing::PriceRow>* settlement = nullptr;
  bool may_subsidise = false;

  bool settles_by_rows() const { return settlement != nullptr && !settlement->empty(); }
};
using TermsLookup = std::function<std::optional<TermsAt>(CenterId, Instant)>;

struct Request {
  const JobSpec* spec = nullptr;
  TenantId tenant;
  Unit unit = kCny;   // of the rows that it is priced by
  Unit settled_in = kCny;  // of the contracts: the buyer's money, also where packages of 度 pay
  Instant now;
  std::string_view pool;  // of the spec's center, the only one to look at; empty = all
};

inline constexpr std::size_t kPlansPerCenter = 3;
inline constexpr std::size_t kMaxPoolsPerCenter = 10'000;  // what is observed beyond is left out

class Router {
 public:
  Router();
  ~Router();

  // Replaces what is known of a center's pools. An empty list forgets the center.
  void observe(CenterId center, const std::vector<Pool>& pools);
  void set_online(CenterId center, bool online);
  // A center that the market has paused or quarantined: its pools are refused with `paused` until it is lifted, whatever
  // its connector reports. Remembered for centers whose pools aren't known yet.
  void set_paused(CenterId center, bool paused);
  // What a center sells of its pools by the market's book; replaces what was set before. Rules of connectors come with `observe`.
  void set_rules(CenterId center, const std::vector<PoolRule>& rules);
  // An attempt that may run was ordered there, or is over: what caps of rules count.
  void take(CenterId center, std::string_view pool, const pricing::Allocation& allocation);
  void give_back(CenterId center, std::string_view pool, const pricing::Allocation& allocation);
  // What the market's jobs hold of a pool.
  pricing::Allocation held(CenterId center, std::string_view pool) const;
  // Whether a plan that was made earlier may be ordered now: the rule that is against it, or none. Prices are locked, so floors aren't asked.
  Refusal refused_now(const Plan& plan, Duration walltime, Instant now);
  // By when a job that is ordered there now must have ended; unix_ms 0 = nothing closes it.
  Instant closes(CenterId center, const std::string& pool, Instant now);
  // Work promised to a pool since its last observation, so that a burst spreads; `observe` for the center starts over.
  void promise(CenterId center, std::string_view pool, const pricing::Allocation& allocation, Duration duration);

  const std::vector<Pool>& pools() const;  // by center and name
  // Predicted for that much of the pool now; nothing when it isn't known, or takes no work.
  std::optional<Duration> wait(CenterId center, std::string_view pool, const pricing::Allocation& allocation);
  // Bumps whenever prices or contracts change, so cached per-pool prices are dropped.
  void prices_changed();

  // `request.spec` has passed validate. `prices` stays the same object, and changes only together with prices_changed().
  // Never fails: a decision without plans says why in `refused` (and `cheapest_cap` when only the budget was too small).
  // Score: cheapest = total, then end; fastest = predicted end, then total; best_value = total × end. Ties go to the
  // center with the least work promised, then in turn. At most kPlansPerCenter plans are of one center where three or
  // more could run the job, so that losing a center leaves somewhere to go.
  Decision decide(const Request& request, const pricing::PriceBook& prices, const TermsLookup& terms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Predicted wait of a pool for an allocation, from its queue: 0 when it fits in what is free and not promised, else the
// queue's work over the pool's width, at least a scheduling interval. predicted_wait.cc has the reasoning.
Duration predicted_wait(const Pool& pool, const pricing::Allocation& need, std::int64_t promised_core_ms, std::int64_t promised_cores, std::int64_t promised_gpus);

}  // namespace bourse::broker::routing
