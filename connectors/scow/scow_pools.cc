#include "connectors/scow/scow_pools.h"

#include <algorithm>
#include <map>

#include "connectors/host/text.h"

namespace bourse::scow {
namespace {

using connector::PoolInfo;

constexpr std::int64_t kMaxWork = 1'000'000'000'000'000'000;
constexpr int kMaxPools = 1'000;

std::string model_of(const wire::Partition& partition) {
  std::string text = !partition.gpu_model().empty() ? partition.gpu_model() : partition.gpu_type();
  if (!host::is_plain_name(text)) return "";
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::int64_t count_of(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, static_cast<std::uint64_t>(host::kMaxCount)));
}

PoolInfo from_config(const wire::Partition& partition, const std::string& arch, Duration max_walltime) {
  PoolInfo pool{.name = partition.name(), .arch = arch, .nodes = count_of(partition.nodes()), .max_walltime = max_walltime};
  const std::int64_t by = std::max<std::int64_t>(pool.nodes, 1);
  pool.cores_per_node = count_of(partition.cores()) / by;
  pool.mem_mib_per_node = count_of(partition.mem_mb()) / by;
  pool.gpus_per_node = count_of(partition.gpus()) / by;
  pool.free_cores = count_of(partition.cores());
  pool.free_gpus = count_of(partition.gpus());
  return pool;
}

void add_nodes(PoolInfo& pool, const wire::GetClusterNodesInfoResponse& nodes) {
  std::int64_t usable = 0, cores = 0, memory = 0, cards = 0;
  pool.free_cores = pool.free_gpus = 0;
  for (const wire::NodeInfo& node : nodes.nodes()) {
    if (std::ranges::find(node.partitions(), pool.name) == node.partitions().end()) continue;
    if (node.state() == wire::NodeInfo::NOT_AVAILABLE) continue;
    const bool first = usable++ == 0;
    const auto least = [first](std::int64_t& held, std::int64_t value) { held = first ? value : std::min(held, value); };
    least(cores, count_of(node.cpu_core_count()));
    least(memory, count_of(node.total_mem_mb()));
    least(cards, count_of(node.gpu_count()));
    pool.free_cores += count_of(node.idle_cpu_core_count());
    pool.free_gpus += count_of(node.idle_gpu_count());
  }
  pool.nodes = usable;
  if (usable == 0) return;
  pool.cores_per_node = cores, pool.gpus_per_node = cards;
  if (memory > 0) pool.mem_mib_per_node = memory;
}

void add_load(PoolInfo& pool, const wire::PartitionInfo& load, bool nodes_known) {
  pool.running_jobs = count_of(load.running_job_count());
  pool.pending_jobs = count_of(load.pending_job_count());
  pool.accepting = load.partition_status() == wire::PartitionInfo::AVAILABLE;
  if (nodes_known) return;
  pool.nodes = std::max<std::int64_t>(0, pool.nodes - count_of(load.not_available_node_count()));
  pool.free_cores = count_of(load.idle_cpu_count());
  pool.free_gpus = count_of(load.idle_gpu_count());
}

void add_job(PoolInfo& pool, const JobRow& job, bool load_known, bool nodes_known) {
  if (!job.live()) return;
  if (job.state.phase != Phase::waiting) {
    if (!load_known) ++pool.running_jobs;
    if (!load_known && !nodes_known) {
      pool.free_cores = std::max<std::int64_t>(0, pool.free_cores - job.allocation.cores);
      pool.free_gpus = std::max<std::int64_t>(0, pool.free_gpus - job.allocation.gpus);
    }
    return;
  }
  if (!load_known) ++pool.pending_jobs;
  const Duration limit = job.limit.ms != 0 ? job.limit : pool.max_walltime;
  const __int128 sum = pool.pending_core_ms + static_cast<__int128>(job.cores_wanted) * limit.ms;
  pool.pending_core_ms = static_cast<std::int64_t>(std::min<__int128>(sum, kMaxWork));
}

}  // namespace

std::vector<PoolInfo> pools_from(const ClusterSaid& said, const std::string& arch, Duration max_walltime) {
  std::vector<PoolInfo> pools;
  std::map<std::string, std::size_t> index;
  for (const wire::Partition& partition : said.config.partitions()) {
    if (!host::is_plain_name(partition.name()) || pools.size() == kMaxPools) continue;
    if (!index.try_emplace(partition.name(), pools.size()).second) continue;
    PoolInfo& pool = pools.emplace_back(from_config(partition, arch, max_walltime));
    if (said.nodes) add_nodes(pool, *said.nodes);
    if (said.info)
      for (const wire::PartitionInfo& load : said.info->partitions())
        if (load.partition_name() == pool.name) add_load(pool, load, said.nodes.has_value());
    if (pool.gpus_per_node > 0) pool.gpu_model = model_of(partition);
    pool.accepting = pool.accepting && pool.nodes > 0;
  }
  for (const JobRow& job : said.queue)
    if (const auto at = index.find(job.partition); at != index.end())
      add_job(pools[at->second], job, said.info.has_value(), said.nodes.has_value());
  return pools;
}

}  // namespace bourse::scow
