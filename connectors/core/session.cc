#include "connectors/core/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::uint64_t kWindow = 16;            // reports on their way
constexpr int kMaxGaps = 3;                      // without an acknowledgement
constexpr int kPatienceInHeartbeats = 3;
// A broker that doesn't accept us is not asked again at once. What was only spoiled on its way is soon put right, so that the first
// pause is short; they double.
constexpr Duration kAfterRefusal = seconds(1);
constexpr Duration kLongestAfterRefusal = seconds(60);

void fill(wire::SellingRule& out, const pricing::SellingRule& rule) {
  out.set_paused(rule.paused);
  out.set_nodes(rule.nodes);
  out.set_cores(rule.cores);
  out.set_gpus(rule.gpus);
  out.set_max_walltime_ms(rule.max_walltime.ms);
  for (const pricing::WeeklyWindow& window : rule.hours) {
    wire::LockedWindow& to = *out.add_hours();
    to.set_days(window.days);
    to.set_from(window.from);
    to.set_until(window.until);
  }
  out.set_zone(rule.zone);
  out.set_closes_ms(rule.closes.unix_ms);
  for (const pricing::PriceRow& row : rule.floor) {
    wire::FloorPrice& to = *out.add_floor();
    to.set_meter(static_cast<wire::Meter>(static_cast<int>(row.meter) + 1));
    to.set_price_coefficient(row.price.coefficient);
    to.set_price_scale(row.price.scale);
    to.set_per(row.per);
    to.set_unit(std::string(row.unit.text()));
  }
}

void fill(wire::Pool& out, const Offered& offer, const Capabilities& driver) {
  const PoolInfo& in = offer.info;
  out.set_name(in.name);
  out.set_arch(in.arch);
  out.set_nodes(in.nodes);
  out.set_cores_per_node(in.cores_per_node);
  out.set_mem_mib_per_node(in.mem_mib_per_node);
  out.set_gpus_per_node(in.gpus_per_node);
  out.set_gpu_model(in.gpu_model);
  out.set_speed_milli(offer.speed_milli);
  out.set_max_walltime_ms(in.max_walltime.ms);
  out.set_whole_nodes(in.whole_nodes);
  out.set_accepting(in.accepting);
  out.set_free_cores(in.free_cores);
  out.set_free_gpus(in.free_gpus);
  out.set_pending_jobs(in.pending_jobs);
  out.set_running_jobs(in.running_jobs);
  out.set_pending_core_ms(in.pending_core_ms);
  out.set_files(driver.files);
  if (offer.rule != pricing::SellingRule{}) fill(*out.mutable_rule(), offer.rule);
}

}  // namespace

Session::Session(const Membership& us, const federation::KeyPair& identity, Spool& spool, Runs& runs, Reporter& reporter,
                 Witness& witness, Days& days, Driver& driver, Link& link, const Clock& clock, std::string software,
                 std::function<std::uint64_t()> generation)
    : us_(us), identity_(identity), spool_(spool), runs_(runs), reporter_(reporter), witness_(witness), days_(days), driver_(driver), link_(link), clock_(clock),
      software_(std::move(software)), generation_(std::move(generation)) {}

void Session::refuse(const std::string& what, const Error& error) {
  spdlog::error("{}: {}", what, error.message());
  link_.drop(number_, std::min(milliseconds(kAfterRefusal.ms << std::min(refusals_, 10)), kLongestAfterRefusal));
  ++refusals_;
}

Status Session::on(const LinkEvent& event) {
  if (event.kind == LinkEvent::Kind::opened) {
    number_ = event.session;
    nonce_.clear();
    welcomed_ = false;
    gaps_ = 0;
    gap_at_ = 0;
    return {};
  }
  if (event.session != number_) return {};
  if (event.kind == LinkEvent::Kind::closed) {
    if (welcomed_ || !event.detail.empty()) spdlog::warn("the link is down: {}", event.detail.empty() ? "closed" : event.detail);
    welcomed_ = false;
    nonce_.clear();
    return {};
  }
  const wire::BrokerFrame& frame = *event.frame;
  if (frame.has_challenge() && nonce_.empty()) return on_challenge(frame.challenge().nonce());
  if (frame.has_welcome() && !nonce_.empty() && !welcomed_) return on_welcome(frame.welcome());
  if (!welcomed_) {
    refuse("link", Error{ErrorCode::invalid_argument, "the broker spoke before its welcome"});
    return {};
  }
  if (frame.has_ack()) return on_ack(frame.ack());
  if (frame.has_nack()) return on_nack(frame.nack());
  if (frame.has_checkpoint()) return on_checkpoint(frame.checkpoint());
  if (frame.has_orders()) {
    const auto batch = open_orders(frame.orders(), us_);
    if (!batch) return refuse("orders", batch.error()), Status{};
    return runs_.accept(*batch, spool_.full());
  }
  if (frame.has_cancels()) {
    const auto batch = open_cancels(frame.cancels(), us_);
    if (!batch) return refuse("cancels", batch.error()), Status{};
    for (const wire::Cancel& cancel : batch->cancels()) {
      const auto job = federation::id_of<JobId>(cancel.job(), "job");
      const auto attempt = federation::id_of<AttemptId>(cancel.attempt(), "attempt");
      if (job && attempt) CHECK_OK(runs_.cancel(*job, *attempt, cancel.fence(), cancel.reason()));
    }
  }
  if (frame.has_pauses()) {
    const auto batch = open_pauses(frame.pauses(), us_);
    if (!batch) return refuse("pauses", batch.error()), Status{};
    for (const wire::Pause& pause : batch->pauses())
      if (const auto attempt = federation::id_of<AttemptId>(pause.attempt(), "attempt"))
        CHECK_OK(runs_.pause(*attempt, pause.fence(), pause.paused()));
  }
  return {};
}

Status Session::on_challenge(const std::string& nonce) {
  if (nonce.size() != 32) return refuse("challenge", Error{ErrorCode::invalid_argument, "a nonce has 32 bytes"}), Status{};
  nonce_ = nonce;
  const Capabilities driver = driver_.capabilities();
  wire::Hello hello;
  hello.set_version(1);
  hello.set_audience(us_.audience);
  hello.set_center(federation::to_bytes(us_.center));
  hello.set_connector(federation::to_bytes(us_.connector));
  hello.set_nonce(nonce);
  hello.set_epoch(us_.epoch);
  hello.set_next_seq(spool_.last_seq() + 1);
  hello.set_software(software_);
  hello.set_driver(driver.kind);
  hello.set_grace_ms(driver.grace.ms);
  hello.set_tree_size(witness_.size());
  hello.set_generation(generation_());
  for (const AttemptId id : runs_.held()) {
    const auto place = runs_.find(id);
    if (place == nullptr) continue;
    wire::HeldRun& held = *hello.add_held();
    held.set_job(federation::to_bytes(place->job));
    held.set_attempt(federation::to_bytes(id));
    held.set_fence(place->fence);
    held.set_order_hash(federation::to_bytes(place->order_hash));
    held.set_scheduler_job(place->scheduler_job);
  }
  for (const auto& [name, offer] : runs_.pools()) fill(*hello.add_pools(), offer, driver);
  wire::ConnectorFrame frame;
  *frame.mutable_hello() = federation::seal(identity_, federation::kHelloType, hello.SerializeAsString());
  link_.send(number_, std::move(frame));
  return {};
}

Status Session::on_welcome(const wire::Envelope& envelope) {
  wire::Welcome welcome;
  Status good = federation::open(envelope, federation::kWelcomeType, us_.ack_key);
  if (good) good = federation::parse_strict(envelope.payload(), welcome);
  if (!good) return refuse("welcome", good.error()), Status{};
  const bool ours = welcome.version() == 1 && welcome.center() == federation::to_bytes(us_.center) &&
                    welcome.connector() == federation::to_bytes(us_.connector) && welcome.nonce() == nonce_ && welcome.epoch() == us_.epoch;
  if (!ours) return refuse("welcome", Error{ErrorCode::invalid_argument, "it answers another hello"}), Status{};
  CHECK_OK(reconcile(welcome));
  welcomed_ = true;
  patience_ = milliseconds(std::max<std::int64_t>(welcome.heartbeat_ms(), 50) * kPatienceInHeartbeats);
  progress_ = clock_.monotonic();
  link_.established(number_, milliseconds(welcome.heartbeat_ms()), welcome.session_token());
  spdlog::info("linked with {}; reports acknowledged up to {}", us_.audience, welcome.acked_seq());
  for (const wire::RunVerdict& verdict : welcome.verdicts()) {
    if (verdict.verdict() != wire::RunVerdict::CANCEL) continue;
    const auto attempt = federation::id_of<AttemptId>(verdict.attempt(), "attempt");
    const Run* run = attempt ? runs_.find(*attempt) : nullptr;
    if (run != nullptr && run->fence == verdict.fence())
      CHECK_OK(runs_.cancel(run->job, *attempt, run->fence, "the broker no longer wants it"));
  }
  return send_reports();
}

// The broker and the spool must agree about the past; a spool that lost some of it can't go on.
Status Session::reconcile(const wire::Welcome& welcome) {
  const std::uint64_t acked = welcome.acked_seq();
  if (acked > spool_.last_seq())
    return fail(ErrorCode::integrity, "the broker has reports up to " + std::to_string(acked) + ", the spool only up to " +
                                          std::to_string(spool_.last_seq()) + ": was an old copy of this folder restored?");
  const auto ours = spool_.hash(acked);
  if (acked > 0 && ours && federation::to_bytes(*ours) != welcome.acked_hash())
    return fail(ErrorCode::integrity, "the broker has another report " + std::to_string(acked) + " than the spool");
  CHECK_OK(spool_.acknowledge(acked, {}));
  runs_.acknowledged(acked);
  days_.acknowledged(acked, true);
  sent_ = std::max(acked, spool_.first_seq() - 1);
  return {};
}

Status Session::send_reports() {
  if (!welcomed_) return {};
  const Duration now = clock_.monotonic();
  sent_ = std::max(sent_, spool_.acked_seq());
  // One that was lost on its way makes a gap only if another follows; and the acknowledgement may have been what was lost.
  if (sent_ == spool_.acked_seq()) progress_ = now;
  if (now - progress_ > patience_) {
    sent_ = spool_.acked_seq();
    progress_ = now;
  }
  while (sent_ < spool_.last_seq() && sent_ < spool_.acked_seq() + kWindow) {
    TRY(const std::string bytes, spool_.envelope(sent_ + 1));
    wire::ConnectorFrame frame;
    if (!frame.mutable_report()->ParseFromString(bytes)) return fail(ErrorCode::integrity, "spool: a report is not readable");
    if (!link_.send(number_, std::move(frame))) return {};
    ++sent_;
  }
  return {};
}

void Session::send_pools() {
  if (!welcomed_) return;
  wire::ConnectorFrame frame;
  wire::PoolStatus& status = *frame.mutable_pools();
  status.set_at_ms(clock_.now().unix_ms);
  const Capabilities driver = driver_.capabilities();
  for (const auto& [name, offer] : runs_.pools()) fill(*status.add_pools(), offer, driver);
  link_.send(number_, std::move(frame));
}

Status Session::on_ack(const wire::Envelope& envelope) {
  wire::Ack ack;
  Status good = federation::open(envelope, federation::kAckType, us_.ack_key);
  if (good) good = federation::parse_strict(envelope.payload(), ack);
  if (!good) return refuse("acknowledgement", good.error()), Status{};
  const auto hash = spool_.hash(ack.seq());
  const bool ours = ack.version() == 1 && ack.center() == federation::to_bytes(us_.center) && ack.epoch() == us_.epoch &&
                    ack.connector() == federation::to_bytes(us_.connector) && hash && federation::to_bytes(*hash) == ack.report_hash();
  if (!ours) return refuse("acknowledgement", Error{ErrorCode::invalid_argument, "of a report that was not made here"}), Status{};
  if (ack.seq() > spool_.acked_seq()) {
    progress_ = clock_.monotonic();
    gaps_ = refusals_ = 0;
    gap_at_ = 0;
  }
  CHECK_OK(spool_.acknowledge(ack.seq(), envelope.SerializeAsString()));
  std::vector<std::pair<std::uint32_t, std::uint32_t>> set_aside;
  for (const wire::Quarantine& q : ack.quarantined()) {
    spdlog::warn("the broker set record {} of report {} aside: {}", q.index(), ack.seq(), q.name());
    set_aside.emplace_back(q.index(), q.code());
  }
  apply_quarantine(ack.seq(), set_aside);
  for (const wire::DayAnswer& day : ack.days()) CHECK_OK(days_.answered(day));
  days_.acknowledged(ack.seq(), false);
  runs_.acknowledged(ack.seq());
  CHECK_OK(reporter_.flush());
  return send_reports();
}

// A reading that was set aside did not take its number, so the next one must; see broker/domain/events.h for the codes.
void Session::apply_quarantine(std::uint64_t seq, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& set_aside) {
  constexpr std::uint32_t kRevisionSkip = 15;
  if (set_aside.empty()) return;
  const auto bytes = spool_.envelope(seq);
  wire::Envelope envelope;
  wire::Report report;
  if (!bytes || !envelope.ParseFromString(*bytes) || !report.ParseFromString(envelope.payload())) return;
  for (const auto& [index, code] : set_aside) {
    if (index >= static_cast<std::uint32_t>(report.records_size()) || !report.records(static_cast<int>(index)).has_usage()) continue;
    const wire::UsageRecord& usage = report.records(static_cast<int>(index)).usage();
    if (const auto attempt = federation::id_of<AttemptId>(usage.attempt(), "attempt"))
      runs_.set_aside(*attempt, usage.revision(), usage.final(), code == kRevisionSkip);
  }
}

// A broker that changed the past is not worked with: what it says of money can't be believed either.
Status Session::on_checkpoint(const wire::CheckpointUpdate& update) {
  const Status taken = witness_.take(update);
  if (taken) return {};
  if (taken.error().code == ErrorCode::integrity || taken.error().code == ErrorCode::unavailable) return taken;
  return refuse("checkpoint", taken.error()), Status{};
}

Status Session::on_nack(const wire::Nack& nack) {
  const Error error{error_code_named(nack.error()).value_or(ErrorCode::internal), nack.detail()};
  if (error.code != ErrorCode::sequence_gap) return refuse("the broker refused a report", error), Status{};
  const std::uint64_t expected = nack.expected_seq();
  // Nobody signed this. The next welcome is signed: where the broker and the spool really disagree, it shows there.
  if (expected == 0 || expected < spool_.first_seq() || expected > spool_.last_seq() + 1)
    return refuse("reports", Error{ErrorCode::sequence_gap, "the broker expects report " + std::to_string(expected) + ", which the spool doesn't have"}), Status{};
  if (expected == gap_at_) return {};  // said of each that was on its way behind the lost one
  gap_at_ = expected;
  if (++gaps_ > kMaxGaps) return refuse("reports", Error{ErrorCode::sequence_gap, "again and again"}), Status{};
  sent_ = expected - 1;
  return send_reports();
}

}  // namespace bourse::connector
