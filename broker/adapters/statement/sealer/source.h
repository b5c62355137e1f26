// A period's statement, gathered from the projections and the stored reports. The same for the same journal.
#pragma once

#include <memory>
#include <string>

#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/statement/statement.h"
#include "broker/app/blob_store.h"
#include "broker/domain/center.h"

namespace bourse::broker {

// One thread at a time. Connects when first used and again after a failure.
class StatementSource {
 public:
  StatementSource(std::string reader_conninfo, std::string market, BlobStore& blobs);
  ~StatementSource();

  // `period` is closing and the projections have passed its cut-off. All of it is read in one snapshot.
  // Errors: unavailable, integrity (projections or blobs don't hold what the period needs), too_large, internal.
  Result<statement::Statement> gather(const Period& period, const Center& center);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The period's checkpoint, and the proof that the statement's reports are in its tree. Reports that an older version stored
// without a leaf get one here. Again it gives the same. Errors: unavailable, integrity.
Status add_evidence(Notary& notary, CenterId center, PeriodId period, statement::Statement& statement);

}  // namespace bourse::broker
