// A period's statement, gathered from the projections and the stored reports. The same for the same journal.
#pragma once

#include <memory>
#include <string>

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

}  // namespace bourse::broker
