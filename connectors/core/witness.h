// The witness: keeps the broker's newest signed checkpoint of this center's evidence, and takes a newer one only with the
// proof that nothing of the past was changed.
#pragma once

#include <cstdint>
#include <string>

#include "connectors/core/order_check.h"
#include "connectors/core/record_log.h"
#include "federation-proto/checkpoint.h"

namespace bourse::federation::v1 {
class CheckpointUpdate;
}

namespace bourse::connector {

// One thread.
class Witness {
 public:
  // `path`: a record log of every checkpoint that was taken, as signed, with its proof. Errors: integrity (also when what
  // is kept isn't of this membership's broker), unavailable.
  static Result<Witness> open(const std::string& path, const Membership& us);

  std::uint64_t size() const { return newest_.size; }  // 0 = none is kept
  const Hash256& root() const { return newest_.root; }
  // Durable when it returns. Errors: bad_signature, invalid_argument, forbidden (not what was asked for, or its proof, which nobody
  // signed, leads nowhere: ask again; a broker that has no better one after some asking has changed the past);
  // integrity: the broker signed two pasts, and both signatures are kept as proof of it; unavailable.
  Status take(const federation::v1::CheckpointUpdate& update);

 private:
  explicit Witness(const Membership& us) : us_(&us) {}
  Status read(std::string_view record);

  const Membership* us_;
  RecordLog log_;
  federation::Checkpoint newest_;
  bool contradicted_ = false;
  int unproven_ = 0;  // in a row
};

}  // namespace bourse::connector
