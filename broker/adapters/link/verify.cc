#include "broker/adapters/link/verify.h"

#include <algorithm>
#include <set>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/link/days.h"
#include "federation-proto/envelope.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxHeldRuns = 50'000;
constexpr std::size_t kMaxText = 128;
constexpr std::size_t kMaxReason = 512;
constexpr Instant kLatest{253'402'300'799'999};  // the end of the year 9999; databases have an end too
constexpr std::int64_t kMostUnits = 1'000'000'000;              // nodes, cores, cards, jobs
constexpr std::int64_t kMostLarge = 1'000'000'000'000'000'000;  // mebibytes, core-milliseconds

bool is_printable(std::string_view text, std::size_t most) {
  return text.size() <= most && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Status check_address(std::uint32_t version, const std::string& audience, const std::string& center, const std::string& connector,
                     const Addressee& to) {
  if (version != 1) return fail(ErrorCode::invalid_argument, "unknown version");
  if (audience != to.audience) return fail(ErrorCode::forbidden, "signed for another audience");
  if (center != federation::to_bytes(to.peer.center) || connector != federation::to_bytes(to.peer.connector))
    return fail(ErrorCode::forbidden, "another center or connector than the certificate's");
  return {};
}

Result<ReportRecord> read_event(const wire::JobEvent& in) {
  EventRecord out;
  TRY(out.job, federation::id_of<JobId>(in.job(), "event.job"));
  TRY(out.attempt, federation::id_of<AttemptId>(in.attempt(), "event.attempt"));
  TRY(out.order_hash, federation::hash_of(in.order_hash(), "event.order_hash"));
  if (in.kind() < wire::JobEvent::ACCEPTED || in.kind() > wire::JobEvent::RESUMED)
    return fail(ErrorCode::invalid_argument, "event.kind: unknown");
  if (!is_printable(in.scheduler_job(), kMaxText)) return fail(ErrorCode::invalid_argument, "event.scheduler_job: not printable");
  if (in.reason().size() > kMaxReason) return fail(ErrorCode::invalid_argument, "event.reason: too long");
  out.fence = in.fence();
  out.happening = static_cast<Happening>(in.kind());
  out.at = {in.at_ms()};
  out.scheduler_job = in.scheduler_job();
  out.exit_code = in.exit_code();
  out.reason = in.reason();
  return out;
}

Result<ReportRecord> read_usage(const wire::UsageRecord& in) {
  UsageRecord out;
  TRY(out.id, federation::id_of<UsageRecordId>(in.record_id(), "usage.record_id"));
  TRY(out.job, federation::id_of<JobId>(in.job(), "usage.job"));
  TRY(out.attempt, federation::id_of<AttemptId>(in.attempt(), "usage.attempt"));
  TRY(out.order_hash, federation::hash_of(in.order_hash(), "usage.order_hash"));
  CHECK_OK(federation::hash_of(in.raw_sha256(), "usage.raw_sha256"));
  if (!in.supersedes().empty()) CHECK_OK(federation::uuid_of(in.supersedes(), "usage.supersedes"));
  if (!is_printable(in.scheduler_job(), kMaxText)) return fail(ErrorCode::invalid_argument, "usage.scheduler_job: not printable");
  for (const std::int64_t ms : {in.start_ms(), in.end_ms()})
    if (ms < 0 || Instant{ms} > kLatest) return fail(ErrorCode::invalid_argument, "usage.start_ms, end_ms: not a time after 1970");
  out.fence = in.fence();
  out.scheduler_job = in.scheduler_job();
  out.start = {in.start_ms()};
  out.end = {in.end_ms()};
  out.final = in.final();
  out.revision = in.revision();
  out.meters[pricing::Meter::core_ms] = in.core_ms();
  out.meters[pricing::Meter::gpu_ms] = in.gpu_ms();
  out.meters[pricing::Meter::node_ms] = in.node_ms();
  out.meters[pricing::Meter::mem_mib_s] = in.mem_mib_s();
  if (static_cast<std::size_t>(in.readings_size()) > kMaxReadings) return fail(ErrorCode::too_large, "usage.readings: at most 1000");
  for (const wire::ReadingAt& reading : in.readings()) {
    if (reading.at_ms() < 0 || Instant{reading.at_ms()} > kLatest)
      return fail(ErrorCode::invalid_argument, "usage.readings: not a time after 1970");
    pricing::ReadingAt& to = out.readings.emplace_back();
    to.at = {reading.at_ms()};
    to.cumulative[pricing::Meter::core_ms] = reading.core_ms();
    to.cumulative[pricing::Meter::gpu_ms] = reading.gpu_ms();
    to.cumulative[pricing::Meter::node_ms] = reading.node_ms();
    to.cumulative[pricing::Meter::mem_mib_s] = reading.mem_mib_s();
  }
  return out;
}

}  // namespace

Result<wire::Hello> verify_hello(const wire::Envelope& envelope, const PublicKey& identity_key, const Addressee& to,
                                 std::string_view nonce) {
  if (envelope.payload().size() > federation::kMaxMessageBytes) return fail(ErrorCode::too_large);
  CHECK_OK(federation::open(envelope, federation::kHelloType, identity_key));
  wire::Hello hello;
  CHECK_OK(federation::parse_strict(envelope.payload(), hello));
  CHECK_OK(check_address(hello.version(), hello.audience(), hello.center(), hello.connector(), to));
  if (hello.nonce() != nonce) return fail(ErrorCode::unauthenticated, "it answers another challenge");
  if (static_cast<std::size_t>(hello.held_size()) > kMaxHeldRuns) return fail(ErrorCode::too_large, "too many held runs");
  if (static_cast<std::size_t>(hello.pools_size()) > federation::kMaxPools) return fail(ErrorCode::too_large, "at most 1000 pools");
  if (!is_printable(hello.software(), kMaxText) || !is_printable(hello.driver(), kMaxText))
    return fail(ErrorCode::invalid_argument, "software and driver are short, printable texts");
  for (const wire::HeldRun& held : hello.held()) {
    CHECK_OK(federation::uuid_of(held.job(), "held.job"));
    CHECK_OK(federation::uuid_of(held.attempt(), "held.attempt"));
  }
  return hello;
}

Result<ApplyReport> verify_report(const wire::Envelope& envelope, const PublicKey& billing_key, const Addressee& to) {
  if (envelope.payload().size() > federation::kMaxReportBytes) return fail(ErrorCode::too_large, "a report has at most 1 MiB");
  CHECK_OK(federation::open(envelope, federation::kReportType, billing_key));
  wire::Report report;
  CHECK_OK(federation::parse_strict(envelope.payload(), report));
  CHECK_OK(check_address(report.version(), report.audience(), report.center(), report.connector(), to));
  if (report.key_fingerprint() != federation::to_bytes(federation::fingerprint(billing_key)))
    return fail(ErrorCode::forbidden, "it names another key than the one that signed it");
  const auto records = static_cast<std::size_t>(report.records_size());
  if (records == 0 || records > federation::kMaxReportRecords) return fail(ErrorCode::too_large, "a report has 1 to 1000 records");
  if (report.epoch() == 0 || report.seq() == 0) return fail(ErrorCode::invalid_argument, "epoch and seq count from 1");

  ApplyReport command;
  command.center = to.peer.center;
  command.epoch = report.epoch();
  command.seq = report.seq();
  command.hash = sha256(envelope.payload());
  TRY(command.previous, federation::hash_of(report.previous(), "previous"));
  command.created = {report.created_ms()};
  command.records.reserve(records);
  for (const wire::Record& record : report.records()) {
    if (record.has_event()) {
      TRY(ReportRecord event, read_event(record.event()));
      command.records.push_back(std::move(event));
    } else if (record.has_usage()) {
      TRY(ReportRecord usage, read_usage(record.usage()));
      command.records.push_back(std::move(usage));
    } else if (record.has_day()) {
      TRY(ReportRecord day, read_day(record.day()));
      command.records.push_back(std::move(day));
    } else {
      return fail(ErrorCode::invalid_argument, "an empty record");
    }
  }
  return command;
}

namespace {

Result<pricing::SellingRule> read_rule(const wire::SellingRule& in) {
  pricing::SellingRule rule{.paused = in.paused(), .nodes = in.nodes(), .cores = in.cores(), .gpus = in.gpus(), .max_walltime = milliseconds(in.max_walltime_ms()),
                            .hours = {}, .zone = in.zone(), .closes = {in.closes_ms()}, .floor = {}};
  for (const wire::LockedWindow& window : in.hours()) {
    if (window.days() > 0x7f || window.from() > 1440 || window.until() > 1440) return fail(ErrorCode::invalid_argument, "hours that are none");
    rule.hours.push_back({static_cast<std::uint8_t>(window.days()), static_cast<std::uint16_t>(window.from()), static_cast<std::uint16_t>(window.until())});
  }
  for (const wire::FloorPrice& price : in.floor()) {
    if (price.meter() < wire::CORE_MS || price.meter() > wire::MEM_MIB_S || price.price_scale() > 12) return fail(ErrorCode::invalid_argument, "a floor that is no price");
    TRY(const Unit unit, parse_unit(price.unit()));
    rule.floor.push_back({.meter = static_cast<pricing::Meter>(price.meter() - 1),
                          .price = {price.price_coefficient(), static_cast<std::uint8_t>(price.price_scale())}, .per = price.per(), .unit = unit});
  }
  CHECK_OK(pricing::check_rule(rule));
  return rule;
}

}  // namespace

Result<std::vector<routing::Pool>> read_pools(const std::vector<const wire::Pool*>& pools, CenterId center, Instant now) {
  if (pools.size() > federation::kMaxPools) return fail(ErrorCode::too_large, "at most 1000 pools");
  std::vector<routing::Pool> result;
  std::set<std::string_view> names;
  for (const wire::Pool* in : pools) {
    const auto refuse = [&](const char* field) { return fail(ErrorCode::invalid_argument, "pool '" + in->name() + "': " + field); };
    const auto within = [](std::int64_t value, std::int64_t most) { return value >= 0 && value <= most; };
    // The name goes into no message before it is known to be harmless there.
    if (in->name().empty() || !is_printable(in->name(), 64)) return fail(ErrorCode::invalid_argument, "a pool's name is not printable");
    if (!names.insert(in->name()).second) return refuse("named twice");
    if (!is_printable(in->arch(), 32)) return refuse("arch");
    if (!is_printable(in->gpu_model(), 64)) return refuse("gpu_model");
    for (const std::int64_t value : {in->nodes(), in->cores_per_node(), in->gpus_per_node(), in->free_cores(), in->free_gpus(),
                                     in->pending_jobs(), in->running_jobs()})
      if (!within(value, kMostUnits)) return refuse("a figure is out of range");
    if (!within(in->mem_mib_per_node(), kMostUnits) || !within(in->max_walltime_ms(), kMostLarge) || !within(in->pending_core_ms(), kMostLarge))
      return refuse("a figure is out of range");
    if (in->speed_milli() < 1 || in->speed_milli() > 1'000'000) return refuse("speed_milli");
    std::optional<pricing::SellingRule> rule;
    if (in->has_rule()) {
      TRY(rule, read_rule(in->rule()));
    }
    result.push_back({.center = center, .name = in->name(), .arch = in->arch(), .nodes = in->nodes(),
                      .cores_per_node = in->cores_per_node(), .mem_mib_per_node = in->mem_mib_per_node(),
                      .gpus_per_node = in->gpus_per_node(), .gpu_model = in->gpu_model(), .speed_milli = in->speed_milli(),
                      .max_walltime = milliseconds(in->max_walltime_ms()), .whole_nodes = in->whole_nodes(),
                      .accepting = in->accepting(), .files = in->files(), .rule = std::move(rule), .free_cores = in->free_cores(), .free_gpus = in->free_gpus(),
                      .pending_jobs = in->pending_jobs(), .running_jobs = in->running_jobs(),
                      .pending_core_ms = in->pending_core_ms(), .observed_at = now, .online = true});
  }
  return result;
}

}  // namespace bourse::broker
