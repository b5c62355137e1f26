// A center in the bench of a year: it runs its jobs from six to eight in the evening and signs what they used.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/domain/commands.h"
#include "federation-proto/envelope.h"

namespace bourse::bench {

struct SignedReport {
  std::string envelope;  // serialized
  broker::EvidenceItem evidence;
  broker::ApplyReport command;  // as the broker reads it, signature and addressing verified
  std::uint64_t usage_records = 0;
};

class YearCenter {
 public:
  struct Run {
    JobId job;
    AttemptId attempt;
    std::uint32_t fence = 0;
    Hash256 order;
    pricing::Allocation held;
    Instant started;
    std::uint32_t revision = 0;
  };

  YearCenter(std::size_t number, Rng& rng, Instant at);

  CenterId id() const { return id_; }
  broker::EnrolCenter admission() const;
  broker::SetContract contract(Instant since, Rng& rng) const;
  broker::PublishPrices prices(Instant since, Rng& rng) const;
  broker::ObservePools pools(Instant at) const;
  broker::JobSpec spec(std::uint64_t n) const;

  void take(std::vector<Run> runs) { runs_ = std::move(runs); }
  // What there is to say, at that time.
  std::vector<broker::ReportRecord> starts(Instant now);
  std::vector<broker::ReportRecord> reads(Instant now, Rng& rng);
  // Every n-th job's end is kept for `late`.
  std::vector<broker::ReportRecord> ends(Instant now, std::size_t late_one_in, Rng& rng);
  std::vector<broker::ReportRecord> late() { return std::exchange(late_, {}); }

  // Signs the next report of the chain and verifies it as the broker does. Errors: as verify_report.
  Result<SignedReport> sign(const std::string& audience, std::vector<broker::ReportRecord> records, Instant now);

 private:
  broker::EventRecord event(const Run& run, broker::Happening happening, Instant at) const;
  broker::UsageRecord reading(Run& run, Instant at, bool final, Rng& rng) const;

  std::size_t number_;
  CenterId id_;
  ConnectorId connector_;
  federation::KeyPair identity_, billing_;
  std::vector<Run> runs_;
  std::vector<broker::ReportRecord> late_;
  std::uint64_t seq_ = 0;
  Hash256 previous_;
};

}  // namespace bourse::bench
