#include "broker/app/memory_evidence_log.h"

namespace bourse::broker {

Status MemoryEvidenceLog::append(std::span<const EvidenceItem> items) {
  const std::scoped_lock lock(mutex_);
  for (const EvidenceItem& item : items) {
    Tree& tree = trees_[item.center];
    const EvidencePlace place{tree.frontier.size(), item.name};
    if (!tree.places.try_emplace({item.kind, item.subject}, place).second) continue;
    std::vector<evidence::Node> made;
    tree.frontier.append(item.leaf, made);
    tree.nodes.insert(made.begin(), made.end());
  }
  return {};
}

Result<evidence::Frontier> MemoryEvidenceLog::frontier(CenterId center) {
  const std::scoped_lock lock(mutex_);
  return trees_[center].frontier;
}

Result<std::vector<std::optional<EvidencePlace>>> MemoryEvidenceLog::find(CenterId center, EvidenceKind kind,
                                                                          std::span<const Hash256> subjects) {
  const std::scoped_lock lock(mutex_);
  const auto& places = trees_[center].places;
  std::vector<std::optional<EvidencePlace>> out;
  for (const Hash256& subject : subjects) {
    const auto found = places.find({kind, subject});
    out.push_back(found == places.end() ? std::nullopt : std::optional(found->second));
  }
  return out;
}

Result<std::vector<Hash256>> MemoryEvidenceLog::nodes(CenterId center, std::span<const evidence::NodeId> ids) {
  const std::scoped_lock lock(mutex_);
  const auto& nodes = trees_[center].nodes;
  std::vector<Hash256> out;
  for (const evidence::NodeId id : ids) {
    const auto found = nodes.find(id);
    if (found == nodes.end()) return fail(ErrorCode::not_found, "a subtree beyond the tree");
    out.push_back(found->second);
  }
  return out;
}

Result<KeptCheckpoint> MemoryEvidenceLog::keep(CenterId center, KeptCheckpoint checkpoint) {
  const std::scoped_lock lock(mutex_);
  auto& all = trees_[center].checkpoints;
  if (!checkpoint.period.is_nil())
    for (const KeptCheckpoint& one : all)
      if (one.period == checkpoint.period) return one;
  all.push_back(std::move(checkpoint));
  return all.back();
}

Result<std::optional<KeptCheckpoint>> MemoryEvidenceLog::newest(CenterId center) {
  const std::scoped_lock lock(mutex_);
  const auto& all = trees_[center].checkpoints;
  return all.empty() ? std::nullopt : std::optional(all.back());
}

Result<std::optional<KeptCheckpoint>> MemoryEvidenceLog::of_period(PeriodId period) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [center, tree] : trees_)
    for (const KeptCheckpoint& one : tree.checkpoints)
      if (one.period == period) return one;
  return std::nullopt;
}

}  // namespace bourse::broker
