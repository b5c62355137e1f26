// The pools as arrays by field, sorted by center and name, with what has been promised to them. Internal to routing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/domain/job.h"
#include "broker/domain/routing/pool.h"

namespace bourse::broker::routing {

inline constexpr Duration kSchedulingInterval = seconds(30);
inline constexpr Duration kMaxWait = hours(24 * 366);

Duration queue_wait(std::int64_t queued_core_ms, std::int64_t width_cores);
std::int64_t saturated_add(std::int64_t a, std::int64_t b);
std::int64_t saturated_multiply(std::int64_t a, std::int64_t b);

// One entry a pool in each. 32-bit where the value allows, because that is what vectorises.
struct Columns {
  std::vector<std::int32_t> arch, gpu_model;          // interned; 0 = none stated
  std::vector<std::int32_t> nodes, cores, gpus, mem_mib;  // per node but for `nodes`
  std::vector<std::int32_t> walltime_s;               // INT32_MAX = no limit
  std::vector<std::int32_t> whole_nodes;              // 0 or -1: a mask
  std::vector<std::int32_t> standing;                 // a Refusal: none, offline or paused
  std::vector<std::uint32_t> speed;                   // index into PoolTable::speeds
  // What could start at once: cores where cores are sold, nodes where nodes are; less what is promised, −1 when overdrawn.
  std::vector<std::int32_t> free_share, free_gpus;
  std::vector<std::int64_t> busy_wait_ms;             // the wait of a job that can't start at once
};

struct Promised {
  std::int64_t core_ms = 0, cores = 0, gpus = 0;
};

// The pools [begin, end) of one center.
struct CenterSpan {
  CenterId center;
  std::uint32_t begin = 0, end = 0;
  std::int64_t promised_core_ms = 0;
  std::uint64_t last_turn = 0;  // when it last won a tie; higher is more recent
};

class PoolTable {
 public:
  // The same pools with the same fixed properties only update their figures; anything else raises `shape`.
  void observe(CenterId center, const std::vector<Pool>& pools);
  // After observe, before anything below that reads indexes or columns.
  void settle();
  void set_online(CenterId center, bool online);
  void set_paused(CenterId center, bool paused);
  void promise(CenterId center, std::string_view pool, const pricing::Allocation& allocation, Duration duration);

  std::size_t size() const { return pools_.size(); }
  const std::vector<Pool>& pools() const { return pools_; }
  const Columns& columns() const { return columns_; }
  const std::vector<std::int32_t>& speeds() const { return speeds_; }  // distinct, in milli
  std::vector<CenterSpan>& centers() { return centers_; }
  std::uint32_t center_of(std::size_t pool) const { return center_of_[pool]; }
  CenterSpan* find(CenterId center);
  // 0 for an empty name, -1 for one that no pool has.
  std::int32_t interned(std::string_view name) const;
  // Bumps whenever indexes or fixed properties change.
  std::uint64_t shape() const { return shape_; }
  Duration wait(std::size_t pool, const pricing::Allocation& allocation) const;  // of what is granted there
  // The same of a pool by name; nothing when it isn't known, or takes no work.
  std::optional<Duration> wait(CenterId center, std::string_view pool, const pricing::Allocation& allocation);

 private:
  void rebuild();
  void refresh(std::size_t pool);
  std::int32_t intern(const std::string& name);

  std::vector<Pool> pools_;
  std::vector<Promised> promised_;
  std::vector<CenterSpan> centers_;
  std::vector<std::uint32_t> center_of_;
  std::set<CenterId> paused_;
  std::map<std::string, std::int32_t, std::less<>> names_;
  std::vector<std::int32_t> speeds_;
  Columns columns_;
  std::uint64_t shape_ = 0;
  bool stale_ = false;  // pools were added or removed since the columns were laid out
};

// What a job gets in a pool: what it asked for, or its nodes whole where the pool sells so.
pricing::Allocation granted(const Pool& pool, const pricing::Allocation& need);

}  // namespace bourse::broker::routing
