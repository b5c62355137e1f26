#include "connectors/slurm/slurm_pools.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "connectors/host/key_values.h"
#include "connectors/host/text.h"
#include "connectors/slurm/slurm_text.h"

namespace bourse::slurm {
namespace {

using connector::PoolInfo;

constexpr std::int64_t kMaxWork = 1'000'000'000'000'000'000;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

struct Cards {
  std::string model;   // "" when there are none, of several kinds, or without a name
  std::int64_t count = 0;
};

// "gpu:a100:4(S:0-1),craynetwork:2", "gpu:2(IDX:0-1)", "(null)".
Cards parse_gres(std::string_view text) {
  Cards cards;
  int kinds = 0;
  while (!text.empty()) {
    // Brackets may hold commas: "(IDX:0,2)".
    std::size_t end = 0;
    for (int depth = 0; end < text.size() && (depth > 0 || text[end] != ','); ++end)
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    item = item.substr(0, item.find('('));
    if (!item.starts_with("gpu:")) continue;
    item.remove_prefix(4);
    const std::size_t colon = item.rfind(':');
    const auto count = host::parse_count(colon == std::string_view::npos ? item : item.substr(colon + 1));
    if (!count) continue;
    const std::string_view model = colon == std::string_view::npos ? "" : item.substr(0, colon);
    cards.count += *count;
    cards.model = kinds++ == 0 && host::is_plain_name(model) ? lower(model) : "";
  }
  return cards;
}

bool usable(std::string_view state) {
  constexpr std::array<std::string_view, 7> kUsable = {"idle", "mixed", "allocated", "completing", "planned", "allocated+", "mixed+"};
  // Suffixes: '~' powered down (it will wake), '#' waking, '-' planned; '*' not answering, '$' reserved for maintenance…
  while (!state.empty() && (state.back() == '~' || state.back() == '#' || state.back() == '-')) state.remove_suffix(1);
  return std::ranges::find(kUsable, state) != kUsable.end();
}

struct NodeLine {
  std::string pool;
  bool up = false, whole_nodes = false, usable = false;
  Duration limit;
  std::int64_t cores = 0, idle = 0, mem_mib = 0;
  Cards cards, used;
};

std::optional<NodeLine> parse_node(const std::vector<std::string_view>& row) {
  if (row.size() != 10 || !host::is_plain_name(row[0])) return std::nullopt;
  const auto limit = parse_time_limit(row[2]);
  const auto cores = host::parse_count(row[3]), memory = host::parse_count(row[4]);
  const std::size_t slash = row[7].find('/');
  if (!limit || !cores || !memory || slash == std::string_view::npos) return std::nullopt;
  const std::string_view after = row[7].substr(slash + 1);  // allocated/idle/other/total
  const auto idle = host::parse_count(after.substr(0, after.find('/')));
  if (!idle || *idle > *cores) return std::nullopt;
  return NodeLine{std::string(row[0]), row[1] == "up", row[9] == "EXCLUSIVE", usable(row[8]), *limit, *cores, *idle, *memory,
                  parse_gres(row[5]), parse_gres(row[6])};
}

void add_node(PoolInfo& pool, const NodeLine& node) {
  if (!node.usable) return;
  const bool first = pool.nodes++ == 0;
  const auto least = [first](std::int64_t& held, std::int64_t value) { held = first ? value : std::min(held, value); };
  least(pool.cores_per_node, node.cores);
  least(pool.mem_mib_per_node, node.mem_mib);
  least(pool.gpus_per_node, node.cards.count);
  pool.gpu_model = first || pool.gpu_model == node.cards.model ? node.cards.model : "";
  pool.free_cores += node.idle;
  pool.free_gpus += std::max<std::int64_t>(0, node.cards.count - node.used.count);
}

void add_job(PoolInfo& pool, const JobState& state, std::int64_t cores, Duration limit) {
  if (state.phase == Phase::running || state.phase == Phase::suspended) {
    ++pool.running_jobs;
    return;
  }
  ++pool.pending_jobs;
  const __int128 sum = pool.pending_core_ms + static_cast<__int128>(cores) * limit.ms;
  pool.pending_core_ms = static_cast<std::int64_t>(std::min<__int128>(sum, kMaxWork));
}

}  // namespace

std::vector<PoolInfo> pools_from(std::string_view nodes, std::string_view queue, const std::string& arch) {
  std::vector<PoolInfo> pools;
  std::map<std::string, std::size_t, std::less<>> index;
  for (const auto& row : rows(nodes)) {
    const auto node = parse_node(row);
    if (!node) continue;
    const auto [at, is_new] = index.try_emplace(node->pool, pools.size());
    if (is_new)
      pools.push_back({.name = node->pool, .arch = arch, .max_walltime = node->limit, .whole_nodes = node->whole_nodes,
                       .accepting = node->up});
    add_node(pools[at->second], *node);
  }
  for (PoolInfo& pool : pools) pool.accepting = pool.accepting && pool.nodes > 0;
  for (const auto& row : rows(queue)) {
    if (row.size() != 4) continue;
    const auto state = parse_state(row[1]);
    const auto cores = host::parse_count(row[2]);
    if (!state || state->phase == Phase::over || !cores) continue;
    // A job may wait for several partitions at once; it counts in each.
    std::string_view names = row[0];
    while (!names.empty()) {
      const std::size_t comma = names.find(',');
      const auto at = index.find(names.substr(0, comma));
      if (at != index.end()) {
        PoolInfo& pool = pools[at->second];
        const auto limit = parse_time_limit(row[3]);
        add_job(pool, *state, *cores, limit && limit->ms != 0 ? *limit : pool.max_walltime);
      }
      names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
    }
  }
  return pools;
}

}  // namespace bourse::slurm
