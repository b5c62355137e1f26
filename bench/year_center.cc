#include "bench/year_center.h"

#include <tuple>
#include <utility>

#include "base/sha256.h"
#include "broker/adapters/link/verify.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::bench {

using broker::Happening;
namespace wire = federation::v1;

YearCenter::YearCenter(std::size_t number, Rng& rng, Instant at)
    : number_(number), id_(CenterId::make(at, rng)), connector_(ConnectorId::make(at, rng)), identity_(federation::make_key_pair(rng)),
      billing_(federation::make_key_pair(rng)) {}

broker::EnrolCenter YearCenter::admission() const {
  return {id_, "center-" + std::to_string(number_), connector_, identity_.public_key, billing_.public_key};
}

broker::SetContract YearCenter::contract(Instant since, Rng& rng) const {
  return {{.id = ContractId::make(since, rng), .center = id_, .terms = {.tax_bps = 600, .margin_bps = 500}, .valid_from = since}};
}

broker::PublishPrices YearCenter::prices(Instant since, Rng& rng) const {
  broker::PublishPrices published;
  for (const auto& [meter, price, per] :
       {std::tuple{pricing::Meter::core_ms, Decimal{1'237 + static_cast<std::int64_t>(number_), 4}, std::int64_t{3'600'000}},
        std::tuple{pricing::Meter::node_ms, Decimal{0, 0}, std::int64_t{3'600'000}},
        std::tuple{pricing::Meter::mem_mib_s, Decimal{5, 3}, std::int64_t{3'686'400}}})
    published.rows.push_back({.id = PriceRowId::make(since, rng), .scope = {.center = id_}, .meter = meter, .price = price, .per = per, .valid_from = since});
  return published;
}

broker::ObservePools YearCenter::pools(Instant at) const {
  broker::ObservePools seen{.center = id_, .online = true};
  seen.pools.push_back({.center = id_, .name = "cpu", .arch = "x86_64", .nodes = 1'000, .cores_per_node = 64,
                        .mem_mib_per_node = 256 * 1'024, .free_cores = 64'000, .observed_at = at, .online = true});
  return seen;
}

broker::JobSpec YearCenter::spec(std::uint64_t n) const {
  broker::JobSpec spec{.name = "job " + std::to_string(n), .script = sha256(std::string_view("#!/bin/sh\ntrue\n"))};
  spec.need = {.cores = 1 + static_cast<std::int64_t>(n % 48), .nodes = 1, .mem_mib = 2'048};
  spec.walltime = hours(24);
  spec.center = id_;
  return spec;
}

broker::EventRecord YearCenter::event(const Run& run, Happening happening, Instant at) const {
  return {.job = run.job, .attempt = run.attempt, .fence = run.fence, .order_hash = run.order, .happening = happening, .at = at, .scheduler_job = "4711"};
}

broker::UsageRecord YearCenter::reading(Run& run, Instant at, bool final, Rng& rng) const {
  return {.id = UsageRecordId::make(at, rng), .job = run.job, .attempt = run.attempt, .fence = run.fence, .order_hash = run.order,
          .scheduler_job = "4711", .start = run.started, .end = at, .final = final, .revision = ++run.revision,
          .meters = pricing::readings_of(run.held, at - run.started)};
}

std::vector<broker::ReportRecord> YearCenter::starts(Instant now) {
  std::vector<broker::ReportRecord> said;
  for (Run& run : runs_) {
    run.started = now;
    said.emplace_back(event(run, Happening::accepted, now));
    said.emplace_back(event(run, Happening::started, now));
  }
  return said;
}

std::vector<broker::ReportRecord> YearCenter::reads(Instant now, Rng& rng) {
  std::vector<broker::ReportRecord> said;
  for (Run& run : runs_) said.emplace_back(reading(run, now, false, rng));
  return said;
}

std::vector<broker::ReportRecord> YearCenter::ends(Instant now, std::size_t late_one_in, Rng& rng) {
  std::vector<broker::ReportRecord> said;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& to = i % late_one_in == 0 ? late_ : said;
    to.emplace_back(event(runs_[i], Happening::ended, now));
    to.emplace_back(reading(runs_[i], now, true, rng));
  }
  runs_.clear();
  return said;
}

Result<SignedReport> YearCenter::sign(const std::string& audience, std::vector<broker::ReportRecord> records, Instant now) {
  wire::Report report;
  report.set_version(1);
  report.set_audience(audience);
  report.set_center(federation::to_bytes(id_));
  report.set_connector(federation::to_bytes(connector_));
  report.set_key_fingerprint(federation::to_bytes(federation::fingerprint(billing_.public_key)));
  report.set_epoch(broker::kFirstEpoch);
  report.set_seq(++seq_);
  report.set_previous(federation::to_bytes(previous_));
  report.set_created_ms(now.unix_ms);
  SignedReport made;
  for (const broker::ReportRecord& record : records) {
    if (const auto* said = std::get_if<broker::EventRecord>(&record)) {
      wire::JobEvent& to = *report.add_records()->mutable_event();
      to.set_job(federation::to_bytes(said->job));
      to.set_attempt(federation::to_bytes(said->attempt));
      to.set_fence(said->fence);
      to.set_order_hash(federation::to_bytes(said->order_hash));
      to.set_kind(static_cast<wire::JobEvent::Kind>(said->happening));
      to.set_at_ms(said->at.unix_ms);
      to.set_scheduler_job(said->scheduler_job);
      continue;
    }
    const auto& usage = std::get<broker::UsageRecord>(record);
    wire::UsageRecord& to = *report.add_records()->mutable_usage();
    to.set_record_id(federation::to_bytes(usage.id));
    to.set_job(federation::to_bytes(usage.job));
    to.set_attempt(federation::to_bytes(usage.attempt));
    to.set_fence(usage.fence);
    to.set_order_hash(federation::to_bytes(usage.order_hash));
    to.set_scheduler_job(usage.scheduler_job);
    to.set_start_ms(usage.start.unix_ms);
    to.set_end_ms(usage.end.unix_ms);
    to.set_final(usage.final);
    to.set_revision(usage.revision);
    to.set_core_ms(usage.meters[pricing::Meter::core_ms]);
    to.set_gpu_ms(usage.meters[pricing::Meter::gpu_ms]);
    to.set_node_ms(usage.meters[pricing::Meter::node_ms]);
    to.set_mem_mib_s(usage.meters[pricing::Meter::mem_mib_s]);
    to.set_raw_sha256(federation::to_bytes(previous_));  // stands for an accounting row's
    ++made.usage_records;
  }
  const wire::Envelope envelope = federation::seal(billing_, federation::kReportType, report.SerializeAsString());
  TRY(made.command, broker::verify_report(envelope, billing_.public_key, {audience, {.center = id_, .connector = connector_, .until = {}}}));
  made.envelope = envelope.SerializeAsString();
  made.evidence = broker::evidence_of(id_, broker::EvidenceKind::report, envelope.payload());
  previous_ = made.command.hash;
  return made;
}

}  // namespace bourse::bench
