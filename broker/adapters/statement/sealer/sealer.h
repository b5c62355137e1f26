// The sealer: turns closing periods into sealed statements, one after the other, on a thread of its own.
//
//   period closing → projections past the cut-off → statement built and signed → blob stored → SealStatement journaled
//
// Everything it makes follows from the journal alone and a signature that is deterministic, so it may be killed anywhere:
// the next start finds the period still closing and makes the same bytes again. It never decides about money; the engine
// does when it is told the statement's hash.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/app/blob_store.h"
#include "broker/app/engine.h"

namespace bourse::broker {

struct SealerOptions {
  std::string market;             // the broker's name
  std::string reader_conninfo;    // may read projections
  Duration retry = seconds(2);    // after an error
};

// References outlive it. Thread-safe.
class Sealer {
 public:
  using WaitProjected = std::function<Status(std::uint64_t position, Duration timeout)>;
  Sealer(SealerOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const SigningKey& ack_key, const Clock& clock,
         WaitProjected wait_projected);
  ~Sealer();  // stops

  // Looks for periods left closing by an earlier run, then works when told. Call after the engine started.
  void start();
  // Finishes or gives up the period at hand, then joins. Idempotent.
  void stop();

  // To be called from Engine::on_committed. Short.
  void committed(std::uint64_t position, const std::vector<Event>& events);

  // Waits until the period is sealed. Errors: timeout (it will be sealed later), unavailable (stopped), not_found.
  Status wait_sealed(PeriodId period, Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
