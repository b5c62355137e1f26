#include "connectors/kubernetes/pools.h"

#include <algorithm>
#include <limits>
#include <set>

namespace bourse::kubernetes {
namespace {

constexpr std::int64_t kNoBound = std::numeric_limits<std::int64_t>::max();

bool has_labels(const std::map<std::string, std::string>& labels, const std::map<std::string, std::string>& selector) {
  return std::ranges::all_of(selector, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

bool bears(const Taint& taint, const std::vector<Toleration>& tolerations) {
  if (taint.effect != "NoSchedule" && taint.effect != "NoExecute") return true;
  return std::ranges::any_of(tolerations, [&](const Toleration& t) {
    return t.key == taint.key && (t.value.empty() || t.value == taint.value) && (t.effect.empty() || t.effect == taint.effect);
  });
}

// What of a node is taken: by its DaemonSets, and by all.
struct Taken {
  PodUse system, all;
};

void add(PodUse& sum, const PodUse& pod) {
  sum.cpu_milli = saturating_add(sum.cpu_milli, pod.cpu_milli);
  sum.mem_bytes = saturating_add(sum.mem_bytes, pod.mem_bytes);
  for (const auto& [device, count] : pod.devices) sum.devices[device] = saturating_add(sum.devices[device], count);
}

std::int64_t device(const std::map<std::string, std::int64_t>& devices, const std::string& name) {
  const auto found = devices.find(name);
  return found == devices.end() ? 0 : found->second;
}

bool over(const PodUse& pod) { return pod.phase == "Succeeded" || pod.phase == "Failed"; }

// The card's name that the nodes carry, as "a100-sxm4-80gb"; empty where they differ or don't say.
std::string model_of(const std::vector<const NodeView*>& nodes) {
  std::set<std::string> models;
  for (const NodeView* node : nodes) {
    const auto label = node->labels.find("nvidia.com/gpu.product");
    models.insert(label == node->labels.end() ? "" : label->second);
  }
  if (models.size() != 1) return {};
  std::string model = *models.begin();
  std::ranges::transform(model, model.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return model.starts_with("nvidia-") ? model.substr(7) : model;
}

std::string resource_of(const PoolConfig& pool, const std::vector<const NodeView*>& nodes) {
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(nodes, [&](const NodeView* node) { return device(node->devices, name) > 0; });
  };
  if (!pool.gpu_resource.empty()) return has(pool.gpu_resource) ? pool.gpu_resource : "";
  const auto found = std::ranges::find_if(kGpuResources, has);
  return found == kGpuResources.end() ? "" : *found;
}

void count_nodes(const std::vector<const NodeView*>& nodes, const std::map<std::string, Taken>& taken, PoolFigures& out) {
  connector::PoolInfo& info = out.info;
  info.nodes = static_cast<std::int64_t>(nodes.size());
  info.cores_per_node = info.mem_mib_per_node = info.gpus_per_node = nodes.empty() ? 0 : kNoBound;
  for (const NodeView* node : nodes) {
    const auto used = taken.find(node->name);
    const Taken none, &use = used == taken.end() ? none : used->second;
    const std::int64_t cards = device(node->devices, out.gpu_resource);
    info.cores_per_node = std::min(info.cores_per_node, std::max<std::int64_t>(node->cpu_milli - use.system.cpu_milli, 0) / 1000);
    info.mem_mib_per_node = std::min(info.mem_mib_per_node, std::max<std::int64_t>(node->mem_bytes - use.system.mem_bytes, 0) >> 20);
    info.gpus_per_node = std::min(info.gpus_per_node, cards);
    info.free_cores += std::max<std::int64_t>(node->cpu_milli - use.all.cpu_milli, 0) / 1000;
    info.free_gpus += std::max<std::int64_t>(cards - device(use.all.devices, out.gpu_resource), 0);
    if (info.arch.empty()) info.arch = node->arch;
  }
}

// Pods of Jobs; those that wait without a node are the pool's by our label, or by what nodes they ask for.
void count_jobs(const std::vector<PodUse>& pods, const std::set<std::string>& nodes, const PoolConfig& pool, connector::PoolInfo& info) {
  std::set<std::string> running, pending;
  for (const PodUse& pod : pods) {
    if (over(pod) || pod.job.empty()) continue;
    if (!pod.node.empty()) {
      if (nodes.contains(pod.node) && (pod.pool.empty() || pod.pool == pool.name)) running.insert(pod.job);
      continue;
    }
    const bool here = !pod.pool.empty() ? pod.pool == pool.name : !pool.selector.empty() && has_labels(pod.node_selector, pool.selector);
    if (!here) continue;
    pending.insert(pod.job);
    const std::int64_t core_ms = std::min<std::int64_t>(pod.cpu_milli, 1'000'000'000) * std::min<std::int64_t>(pod.walltime_s, 86'400LL * 366);
    info.pending_core_ms = saturating_add(info.pending_core_ms, core_ms);
  }
  info.running_jobs = static_cast<std::int64_t>(running.size());
  info.pending_jobs = static_cast<std::int64_t>(pending.size());
}

}  // namespace

std::vector<PoolFigures> pools_from(const std::vector<NodeView>& nodes, const std::vector<PodUse>& pods,
                                    const std::vector<PoolConfig>& pools, Duration max_walltime) {
  std::map<std::string, Taken> taken;
  for (const PodUse& pod : pods) {
    if (over(pod) || pod.node.empty()) continue;
    add(taken[pod.node].all, pod);
    if (pod.system) add(taken[pod.node].system, pod);
  }
  std::vector<PoolFigures> result;
  for (const PoolConfig& pool : pools) {
    std::vector<const NodeView*> usable;
    std::set<std::string> names;
    for (const NodeView& node : nodes) {
      if (!has_labels(node.labels, pool.selector)) continue;
      if (!node.ready || !std::ranges::all_of(node.taints, [&](const Taint& t) { return bears(t, pool.tolerations); })) continue;
      usable.push_back(&node);
      names.insert(node.name);
    }
    PoolFigures& out = result.emplace_back();
    out.info.name = pool.name;
    out.gpu_resource = resource_of(pool, usable);
    count_nodes(usable, taken, out);
    count_jobs(pods, names, pool, out.info);
    if (out.info.gpus_per_node > 0) out.info.gpu_model = pool.gpu_model.empty() ? model_of(usable) : pool.gpu_model;
    out.info.max_walltime = pool.max_walltime.ms > 0 ? pool.max_walltime : max_walltime;
    out.info.accepting = !usable.empty();
  }
  return result;
}

}  // namespace bourse::kubernetes
