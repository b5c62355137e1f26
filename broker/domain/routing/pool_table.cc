#include "broker/domain/routing/pool_table.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "broker/domain/routing/router.h"

namespace bourse::broker::routing {
namespace {

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kFastestSpeed = 1'000'000;

// One below the highest, so that a need clamped to the highest fits nowhere.
std::int32_t narrowed(std::int64_t value) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, 0, kMost - 1)); }

// How many times `each` fits into `free`; −1 when that is overdrawn.
std::int32_t whole_of(std::int64_t free, std::int64_t each) {
  if (free < 0) return -1;
  return each == 0 ? kMost : narrowed(free / each);
}

// The figures come from centers: what can't be true is brought into range here, so nothing below has to check.
Pool sane(Pool pool, CenterId center) {
  pool.center = center;
  for (std::int64_t* figure : {&pool.nodes, &pool.cores_per_node, &pool.mem_mib_per_node, &pool.gpus_per_node, &pool.free_cores,
                               &pool.free_gpus, &pool.pending_jobs, &pool.running_jobs, &pool.pending_core_ms})
    *figure = std::max<std::int64_t>(*figure, 0);
  if (pool.speed_milli <= 0) pool.speed_milli = 1000;
  pool.speed_milli = std::min(pool.speed_milli, kFastestSpeed);
  return pool;
}

auto fixed_properties(const Pool& p) {
  return std::tie(p.name, p.arch, p.nodes, p.cores_per_node, p.mem_mib_per_node, p.gpus_per_node, p.gpu_model, p.speed_milli,
                  p.max_walltime, p.whole_nodes, p.rule);
}

}  // namespace

pricing::Allocation granted(const Pool& pool, const pricing::Allocation& need) {
  if (!pool.whole_nodes) return need;
  return {.cores = saturated_multiply(need.nodes, pool.cores_per_node),
          .gpus = saturated_multiply(need.nodes, pool.gpus_per_node),
          .nodes = need.nodes,
          .mem_mib = saturated_multiply(need.nodes, pool.mem_mib_per_node)};
}

CenterSpan* PoolTable::find(CenterId center) {
  const auto at = std::ranges::lower_bound(centers_, center, {}, &CenterSpan::center);
  return at != centers_.end() && at->center == center ? &*at : nullptr;
}

std::int32_t PoolTable::interned(std::string_view name) const {
  if (name.empty()) return 0;
  const auto at = names_.find(name);
  return at == names_.end() ? -1 : at->second;
}

std::int32_t PoolTable::intern(const std::string& name) {
  if (name.empty()) return 0;
  return names_.try_emplace(name, static_cast<std::int32_t>(names_.size()) + 1).first->second;
}

void PoolTable::observe(CenterId center, const std::vector<Pool>& observed) {
  std::vector<Pool> news;
  news.reserve(std::min(observed.size(), kMaxPoolsPerCenter));
  for (const Pool& pool : observed)
    if (news.size() < kMaxPoolsPerCenter) news.push_back(sane(pool, center));
  std::ranges::sort(news, {}, &Pool::name);
  const auto doubled = std::ranges::unique(news, {}, &Pool::name);
  news.erase(doubled.begin(), doubled.end());

  const auto range = std::ranges::equal_range(pools_, center, {}, &Pool::center);
  const auto at = range.begin() - pools_.begin();
  if (std::ranges::equal(news, range, [](const Pool& a, const Pool& b) { return fixed_properties(a) == fixed_properties(b); })) {
    for (std::size_t i = 0; i < news.size(); ++i) {
      const std::size_t pool = static_cast<std::size_t>(at) + i;
      pools_[pool] = std::move(news[i]);
      promised_[pool] = {};
      if (!stale_) refresh(pool);
    }
    if (CenterSpan* span = stale_ ? nullptr : find(center)) span->promised_core_ms = 0;
    return;
  }
  const auto old = std::ranges::ssize(range);
  pools_.erase(pools_.begin() + at, pools_.begin() + at + old);
  promised_.erase(promised_.begin() + at, promised_.begin() + at + old);
  promised_.insert(promised_.begin() + at, news.size(), Promised{});
  pools_.insert(pools_.begin() + at, std::make_move_iterator(news.begin()), std::make_move_iterator(news.end()));
  stale_ = true;
}

// Many centers report before anybody asks, at a start above all: the arrays are laid out anew once, when they are needed.
void PoolTable::settle() {
  if (!stale_) return;
  stale_ = false;
  rebuild();
}

void PoolTable::rebuild() {
  ++shape_;
  const std::size_t n = pools_.size();
  Columns& c = columns_;
  for (auto* column : {&c.arch, &c.gpu_model, &c.nodes, &c.cores, &c.gpus, &c.mem_mib, &c.walltime_s, &c.whole_nodes, &c.standing,
                       &c.free_share, &c.free_gpus})
    column->assign(n, 0);
  c.busy_wait_ms.assign(n, 0);
  c.speed.assign(n, 0);
  center_of_.assign(n, 0);
  names_.clear();
  speeds_.clear();
  for (const Pool& pool : pools_) speeds_.push_back(pool.speed_milli);
  std::ranges::sort(speeds_);
  const auto doubled = std::ranges::unique(speeds_);
  speeds_.erase(doubled.begin(), doubled.end());

  std::vector<CenterSpan> before;
  std::swap(before, centers_);
  for (std::size_t i = 0; i < n; ++i) {
    const Pool& pool = pools_[i];
    if (centers_.empty() || centers_.back().center != pool.center) {
      const auto known = std::ranges::lower_bound(before, pool.center, {}, &CenterSpan::center);
      const bool old = known != before.end() && known->center == pool.center;
      centers_.push_back({.center = pool.center, .begin = static_cast<std::uint32_t>(i), .last_turn = old ? known->last_turn : 0});
    }
    CenterSpan& span = centers_.back();
    span.end = static_cast<std::uint32_t>(i + 1);
    span.promised_core_ms = saturated_add(span.promised_core_ms, promised_[i].core_ms);
    center_of_[i] = static_cast<std::uint32_t>(centers_.size() - 1);
    c.arch[i] = intern(pool.arch);
    c.gpu_model[i] = intern(pool.gpu_model);
    c.nodes[i] = narrowed(pool.nodes);
    c.cores[i] = narrowed(pool.cores_per_node);
    c.gpus[i] = narrowed(pool.gpus_per_node);
    c.mem_mib[i] = narrowed(pool.mem_mib_per_node);
    c.walltime_s[i] = pool.max_walltime.ms > 0 ? narrowed(pool.max_walltime.ms / 1000) : kMost;
    c.whole_nodes[i] = pool.whole_nodes ? -1 : 0;
    c.speed[i] = static_cast<std::uint32_t>(std::ranges::lower_bound(speeds_, pool.speed_milli) - speeds_.begin());
    refresh(i);
  }
}

void PoolTable::refresh(std::size_t i) {
  const Pool& pool = pools_[i];
  const Promised& promised = promised_[i];
  const bool paused = !pool.accepting || (!paused_.empty() && paused_.contains(pool.center));
  columns_.standing[i] = static_cast<std::int32_t>(!pool.online ? Refusal::offline : paused ? Refusal::paused : Refusal::none);
  const std::int64_t cores = saturated_add(pool.free_cores, -promised.cores);
  const std::int64_t gpus = saturated_add(pool.free_gpus, -promised.gpus);
  columns_.free_share[i] = pool.whole_nodes ? std::min(whole_of(cores, pool.cores_per_node), whole_of(gpus, pool.gpus_per_node))
                                            : whole_of(cores, 1);
  columns_.free_gpus[i] = whole_of(gpus, 1);
  columns_.busy_wait_ms[i] = queue_wait(saturated_add(pool.pending_core_ms, promised.core_ms),
                                        saturated_multiply(pool.nodes, pool.cores_per_node)).ms;
}

void PoolTable::set_online(CenterId center, bool online) {
  settle();
  const CenterSpan* span = find(center);
  if (span == nullptr) return;
  for (std::uint32_t i = span->begin; i < span->end; ++i) {
    pools_[i].online = online;
    refresh(i);
  }
}

void PoolTable::set_paused(CenterId center, bool paused) {
  settle();
  if (paused) paused_.insert(center); else paused_.erase(center);
  const CenterSpan* span = find(center);
  if (span == nullptr) return;
  for (std::uint32_t i = span->begin; i < span->end; ++i) refresh(i);
}

void PoolTable::promise(CenterId center, std::string_view pool, const pricing::Allocation& allocation, Duration duration) {
  settle();
  CenterSpan* span = find(center);
  if (span == nullptr) return;
  const auto begin = pools_.begin() + span->begin, end = pools_.begin() + span->end;
  const auto at = std::ranges::lower_bound(begin, end, pool, {}, [](const Pool& p) -> std::string_view { return p.name; });
  if (at == end || at->name != pool) return;
  const auto i = static_cast<std::size_t>(at - pools_.begin());
  Promised& promised = promised_[i];
  const std::int64_t core_ms = saturated_multiply(allocation.cores, duration.ms);
  promised.core_ms = saturated_add(promised.core_ms, core_ms);
  promised.cores = saturated_add(promised.cores, allocation.cores);
  promised.gpus = saturated_add(promised.gpus, allocation.gpus);
  span->promised_core_ms = saturated_add(span->promised_core_ms, core_ms);
  refresh(i);
}

std::optional<Duration> PoolTable::wait(CenterId center, std::string_view pool, const pricing::Allocation& allocation) {
  settle();
  const CenterSpan* span = find(center);
  if (span == nullptr) return std::nullopt;
  const auto first = pools_.begin() + span->begin, last = pools_.begin() + span->end;
  const auto at = std::lower_bound(first, last, pool, [](const Pool& one, std::string_view name) { return one.name < name; });
  if (at == last || at->name != pool) return std::nullopt;
  const auto i = static_cast<std::size_t>(at - pools_.begin());
  if (columns_.standing[i] != static_cast<std::int32_t>(Refusal::none)) return std::nullopt;
  return wait(i, allocation);
}

Duration PoolTable::wait(std::size_t i, const pricing::Allocation& allocation) const {
  const bool whole = columns_.whole_nodes[i] != 0;
  const bool fits_now = (whole ? allocation.nodes : allocation.cores) <= columns_.free_share[i] &&
                        (whole || allocation.gpus <= columns_.free_gpus[i]);
  return fits_now ? Duration{} : Duration{columns_.busy_wait_ms[i]};
}

}  // namespace bourse::broker::routing
