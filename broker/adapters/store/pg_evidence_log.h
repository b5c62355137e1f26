// The evidence log in PostgreSQL: schema `evidence`, where nothing is ever changed.
#pragma once

#include <memory>
#include <string>

#include "broker/app/evidence_log.h"

namespace bourse::broker {

class PgEvidenceLog final : public EvidenceLog {
 public:
  // `conninfo` is of the role bourse_writer (or bourse_reader, to read only). Connects when first used.
  explicit PgEvidenceLog(std::string conninfo, std::size_t max_connections = 4);
  ~PgEvidenceLog() override;

  Status append(std::span<const EvidenceItem> items) override;
  Result<evidence::Frontier> frontier(CenterId center) override;
  Result<std::vector<std::optional<EvidencePlace>>> find(CenterId center, EvidenceKind kind, std::span<const Hash256> subjects) override;
  Result<std::vector<Hash256>> nodes(CenterId center, std::span<const evidence::NodeId> ids) override;
  Result<KeptCheckpoint> keep(CenterId center, KeptCheckpoint checkpoint) override;
  Result<std::optional<KeptCheckpoint>> newest(CenterId center) override;
  Result<std::optional<KeptCheckpoint>> of_period(PeriodId period) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
