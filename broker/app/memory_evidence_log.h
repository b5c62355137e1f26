// An EvidenceLog in memory, for tests and simulations.
#pragma once

#include <map>
#include <mutex>
#include <tuple>

#include "broker/app/evidence_log.h"

namespace bourse::broker {

class MemoryEvidenceLog final : public EvidenceLog {
 public:
  Status append(std::span<const EvidenceItem> items) override;
  Result<evidence::Frontier> frontier(CenterId center) override;
  Result<std::vector<std::optional<EvidencePlace>>> find(CenterId center, EvidenceKind kind, std::span<const Hash256> subjects) override;
  Result<std::vector<Hash256>> nodes(CenterId center, std::span<const evidence::NodeId> ids) override;
  Result<KeptCheckpoint> keep(CenterId center, KeptCheckpoint checkpoint) override;
  Result<std::optional<KeptCheckpoint>> newest(CenterId center) override;
  Result<std::optional<KeptCheckpoint>> of_period(PeriodId period) override;

 private:
  struct Tree {
    evidence::Frontier frontier;
    std::map<evidence::NodeId, Hash256> nodes;
    std::map<std::pair<EvidenceKind, Hash256>, EvidencePlace> places;
    std::vector<KeptCheckpoint> checkpoints;
  };
  std::mutex mutex_;
  std::map<CenterId, Tree> trees_;
};

}  // namespace bourse::broker
